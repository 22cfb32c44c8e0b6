"""The modules beside a study's `problem.py`, which are imported before any others of their names.

A process may use several studies, each with a `model.py` of its own. One study is active at a time:
its folder comes first on `sys.path`, which spawned processes inherit, and `sys.modules` holds its
modules and no other study's.
"""

from __future__ import annotations

import importlib
import site
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.machinery import PathFinder
from pathlib import Path
from types import ModuleType

_OURS = __name__.partition(".")[0]
# Many projects have this folder, and some packages install theirs by accident: nobody imports it.
_HARMLESS = "tests"


@dataclass
class Siblings:
    """The modules and packages in a study folder.

    Attributes:
        folder: The folder of `problem.py`.
    """

    folder: Path
    _modules: dict[str, ModuleType] = field(default_factory=dict)  # while it is not active
    _replaced: dict[str, ModuleType] = field(default_factory=dict)  # while it is active

    def activate(self) -> None:
        """Let this process import from the folder first, in place of the study active so far."""
        global _active  # noqa: PLW0603 - `sys.path` and `sys.modules` are global, too
        if _active is self:
            return
        if _active is not None:
            _active.deactivate()
        names = _names(self.folder)
        self._replaced = {
            name: module
            for name, module in sys.modules.copy().items()
            if (top := name.partition(".")[0]) in names
            if not (self._owns(top) or _is_installed(top))
        }
        _remove(self._replaced)
        sys.modules.update(self._modules)
        sys.path[:] = [str(self.folder), *(one for one in sys.path if one != str(self.folder))]
        importlib.invalidate_caches()
        _active = self

    def deactivate(self) -> None:
        """Stop importing from the folder, and put back the modules that its own had replaced."""
        global _active  # noqa: PLW0603
        self._modules = self._imported()
        _remove(self._modules)
        sys.modules.update(self._replaced)
        sys.path[:] = [one for one in sys.path if one != str(self.folder)]
        _active = None

    @property
    def imported(self) -> frozenset[ModuleType]:
        """The modules of the folder that were imported, while it is active."""
        return frozenset(self._imported().values())

    def may_be_called(self, name: str) -> bool:
        """Tell whether a module of the folder can have this name without hiding a library."""
        return name.isidentifier() and (name not in sys.modules or self._owns(name))

    def _imported(self) -> dict[str, ModuleType]:
        loaded = sys.modules.copy().items()
        return {name: one for name, one in loaded if self._owns(name.partition(".")[0])}

    def _owns(self, name: str) -> bool:
        """Tell whether a module that was imported under this top-level name is in the folder."""
        place = _place(sys.modules.get(name))
        return place is not None and place.parent == self.folder


_active: Siblings | None = None
_known: dict[Path, Siblings] = {}


def siblings_in(folder: Path) -> Siblings:
    """Return the modules of a folder, the same object each time."""
    folder = folder.resolve()
    return _known.setdefault(folder, Siblings(folder))


@contextmanager
def importable(folder: Path) -> Iterator[None]:
    """Import from a folder first for as long as the context lasts."""
    before, own = _active, siblings_in(folder)
    own.activate()
    try:
        yield
    finally:
        if before is None:
            own.deactivate()
        else:
            before.activate()


def hidden_by(folder: Path) -> dict[str, str]:
    """Return which libraries the study cannot import because a module of its own hides them.

    Returns:
        By file or folder name, what it hides: `the standard library's module random`.
    """
    hidden = {}
    for name, path in sorted(_names(folder).items()):
        if name in sys.stdlib_module_names:
            hidden[path.name] = f"the standard library's module {name}"
        elif name != _HARMLESS and (name == _OURS or _can_be_installed(name)):
            hidden[path.name] = f"the installed package {name}"
    return hidden


def _names(folder: Path) -> dict[str, Path]:
    """Return the files and folders that can be imported, by the name that imports them."""
    files = {file.stem: file for file in folder.glob("*.py")}
    packages = {file.parent.name: file.parent for file in folder.glob("*/__init__.py")}
    both = files | packages
    return {name: both[name] for name in both if name.isidentifier() and name[:2] != "__"}


def _remove(names: Iterable[str]) -> None:
    for name in names:
        del sys.modules[name]


def _place(module: ModuleType | None) -> Path | None:
    """Return the file of a module or the folder of a package; None where there is neither."""
    path = next(iter(getattr(module, "__path__", ())), None) or getattr(module, "__file__", None)
    return None if path is None else Path(path)


def _site_packages() -> list[str]:
    return [*site.getsitepackages(), site.getusersitepackages()]


def _is_installed(name: str) -> bool:
    """Tell whether an imported top-level module is ours, the standard library's or a package's."""
    place = _place(sys.modules.get(name))
    if place is None or name == _OURS or name in sys.stdlib_module_names:
        return True
    return str(place.parent) in _site_packages()


def _can_be_installed(name: str) -> bool:
    spec = PathFinder.find_spec(name, _site_packages())
    return spec is not None and spec.origin is not None  # without one, it is a folder of data
