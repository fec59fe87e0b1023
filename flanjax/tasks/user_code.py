"""Runs the user's Python files, which are mixtures and configs. An error in one is reported in one line, with file and line.

mixtures/mine.py:12: NameError: name 'Mixtrue' is not defined
"""

import importlib.machinery
import importlib.util
import os
import sys
import sysconfig
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

_PACKAGE = str(Path(__file__).parents[1])
# The name of code without a file starts with "<".
_LIBRARIES = (_PACKAGE, *(sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")), "<")
_MAX_CHARACTERS = 500


class UserCodeError(ValueError):
    """An error in a user's file. The message starts with file:line, where these are known."""


def run_file(path: Path, name: str) -> ModuleType:
    """Runs a Python file and returns its module, which is also put into sys.modules under `name`.

    Raises:
      UserCodeError: the file cannot be read as Python, raises an error, or calls sys.exit().
    """
    loader = importlib.machinery.SourceFileLoader(name, str(path))
    spec = importlib.util.spec_from_loader(name, loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        if isinstance(error, UserCodeError):  # in another file, which this one loads
            error.add_note(f"loaded by {place(error, path)}")
            raise
        raise UserCodeError(_explained(error, path)) from error
    return module


def call(function: Callable[..., Any], *arguments: Any) -> Any:
    """Returns what a user's function returns.

    Raises:
      UserCodeError: the function raises an error, or calls sys.exit().
    """
    try:
        return function(*arguments)
    except UserCodeError:
        raise
    except (Exception, SystemExit) as error:
        code = getattr(function, "__code__", None)
        raise UserCodeError(_explained(error, code and code.co_filename, code and code.co_firstlineno)) from error


def one_line(error: BaseException) -> str:
    """Returns an error's type and message, on one line of at most 500 characters.

    >>> one_line(ZeroDivisionError("division by zero"))
    'ZeroDivisionError: division by zero'
    """
    message = error.args[0] if isinstance(error, KeyError) and _is_ours(error) else error
    text = " ".join(str(message).encode("utf-8", "backslashreplace").decode().split())
    if isinstance(error, SystemExit):
        text = f"the file calls sys.exit({text}), but it should only define things"
    elif not _is_ours(error):
        text = f"{type(error).__name__}: {text}" if text else type(error).__name__
    return text if len(text) <= _MAX_CHARACTERS else f"{text[:_MAX_CHARACTERS]}..."


def place(error: BaseException, path: Path | str | None = None, line: int | None = None) -> str:
    """Returns file:line, relative to the current folder, of the user's code that raised an error; else the given place."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not frame.filename.startswith(_LIBRARIES)]
    if frames:
        path, line = frames[-1].filename, frames[-1].lineno
    return "" if path is None else located(path, line)


def located(path: Path | str, line: int | None = None) -> str:
    """Returns file:line; a file inside the current folder has a relative path."""
    relative = os.path.relpath(path)
    return f"{path if relative.startswith(os.pardir) else relative}{f':{line}' if line else ''}"


def _is_ours(error: BaseException) -> bool:
    """Whether flanjax itself raised the error, so that its message is complete."""
    frames = traceback.extract_tb(error.__traceback__)
    return bool(frames) and frames[-1].filename.startswith(_PACKAGE) and not frames[-1].filename.startswith(__file__)


def _explained(error: BaseException, path: Path | str | None, line: int | None = None) -> str:
    if isinstance(error, SyntaxError) and error.filename:
        text = f": {error.text.strip()}" if error.text else ""
        return f"{located(error.filename, error.lineno)}: {type(error).__name__}: {error.msg}{text}"
    where = place(error, path, line)
    return f"{where}: {one_line(error)}{_hint(error, path)}" if where else one_line(error)


def _hint(error: BaseException, path: Path | str | None) -> str:
    """Returns a hint for a file that imports another one beside it; "" for other errors."""
    name = error.name if isinstance(error, ModuleNotFoundError) else None
    if not name or not path or not Path(path).with_name(f"{name}.py").is_file():
        return ""
    return f'; {name}.py lies beside it: flanjax.load("{name}.py:TASK_OR_MIXTURE", relative_to=__file__) reads it'
