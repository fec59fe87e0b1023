"""Finds tasks and mixtures by address, such as `mixtures/flan_mini.py:flan_mini`, from any folder.

Each Python file is its own namespace. Reading it changes no global registry, so two files may use the same name.
"""

import ast
import functools
import zlib
from pathlib import Path
from types import ModuleType

from flanjax.names import nearest
from flanjax.tasks import user_code
from flanjax.tasks.mixture import Mixture
from flanjax.tasks.task import Task

MODULE_PREFIX = "flanjax_mixtures_"  # prefix of the names of modules made from mixture files


def load(address: str, *, relative_to: str = ".") -> Mixture | Task:
    """Returns the mixture or task at `path/to/file.py:name`.

    Args:
      relative_to: a folder, or a file (pass `__file__` in a mixture that reuses another file's tasks).

    Raises:
      FileNotFoundError, KeyError: there is no such file or name; the message has the nearest ones.
      UserCodeError: the file is not Python, raises an error, or gives the name to something else.
    """
    path, _, name = address.partition(":")
    if not name:
        raise ValueError(
            f"address {address!r} names no mixture; expected path/to/file.py:name, as in {path or 'mixtures/x.py'}:my_mixture"
        )
    base = Path(relative_to)
    file = (base.parent if base.is_file() else base) / path
    found = catalog(file)
    if name not in found:
        _check_kind(file.resolve(), name)
        raise KeyError(f"{path} defines no task or mixture {name!r}; {nearest(name, found)}")
    return found[name]


def load_mixture(address: str) -> Mixture:
    """Returns the mixture at the address; a single task becomes a mixture of one."""
    found = load(address)
    return found if isinstance(found, Mixture) else Mixture(name=found.name, parts=[found])


def catalog(path: Path | str) -> dict[str, Mixture | Task]:
    """Returns every mixture and task that the file defines, by variable name, and tasks by their own names too."""
    module = _module(Path(path).resolve())
    values = {k: v for k, v in vars(module).items() if isinstance(v, Mixture | Task)}
    tasks = {t.name: t for v in values.values() for t in (v.tasks() if isinstance(v, Mixture) else (v,))}
    return {**tasks, **values}


@functools.cache
def _module(path: Path) -> ModuleType:
    if not path.is_file():
        near = (
            nearest(path.name, (p.name for p in path.parent.glob("*.py")))
            if path.parent.is_dir()
            else f"no folder {path.parent}"
        )
        raise FileNotFoundError(f"no mixture file {path}; {near}")
    return user_code.run_file(path, f"{MODULE_PREFIX}{path.stem}_{zlib.crc32(str(path).encode()):x}")


def _check_kind(path: Path, name: str) -> None:
    """Raises UserCodeError if the file has the name, but it is neither a mixture nor a task."""
    defined = vars(_module(path))
    if name not in defined:
        return
    value = defined[name]
    fix = ""
    if callable(value):
        fix = f"; call it: {name} = {name}()"
    elif isinstance(value, list | tuple):
        fix = f'; make it one: Mixture(name="{name}", parts={name})'
    where = user_code.located(path, _line_of(path, name))
    raise user_code.UserCodeError(f"{where}: {name} is {_kind(value)}, expected a Mixture or a Task{fix}")


def _kind(value: object) -> str:
    return "None" if value is None else f"a {type(value).__name__}"


def _line_of(path: Path, name: str) -> int | None:
    """Returns the last line at the file's top level that gives the name a value."""
    lines = [
        node.lineno
        for node in ast.parse(path.read_bytes()).body
        if getattr(node, "name", None) == name
        or any(isinstance(n, ast.Name) and n.id == name and isinstance(n.ctx, ast.Store) for n in ast.walk(node))
    ]
    return max(lines, default=None)
