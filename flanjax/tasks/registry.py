"""Finding tasks and mixtures by address: `mixtures/flan_mini.py:flan_mini`, from any folder.

A Python file is a namespace of its own. Nothing global is filled when it is read, so two files may use one name.
"""

import functools
import importlib.util
import sys
import zlib
from pathlib import Path
from types import ModuleType

from flanjax.tasks.mixture import Mixture
from flanjax.tasks.names import nearest
from flanjax.tasks.task import Task

MODULE_PREFIX = "flanjax_mixtures_"  # of the modules that mixture files become


def load(address: str, *, relative_to: str = ".") -> Mixture | Task:
    """The mixture or task at `path/to/file.py:name`.

    Args:
      relative_to: a folder, or a file (pass `__file__` in a mixture that reuses another file's tasks).

    Raises:
      FileNotFoundError, KeyError: with the nearest names.
    """
    path, _, name = address.partition(":")
    if not name:
        raise ValueError(
            f"address {address!r} names no mixture; expected path/to/file.py:name, as in {path or 'mixtures/x.py'}:my_mixture"
        )
    base = Path(relative_to)
    found = catalog((base.parent if base.is_file() else base) / path)
    if name not in found:
        raise KeyError(f"{path} defines no task or mixture {name!r}; {nearest(name, found)}")
    return found[name]


def load_mixture(address: str) -> Mixture:
    """The mixture at the address; a single task becomes a mixture of one."""
    found = load(address)
    return found if isinstance(found, Mixture) else Mixture(name=found.name, parts=[found])


def catalog(path: Path | str) -> dict[str, Mixture | Task]:
    """Everything that the file defines: its variables, and its tasks by their own names."""
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
    name = f"{MODULE_PREFIX}{path.stem}_{zlib.crc32(str(path).encode()):x}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module
