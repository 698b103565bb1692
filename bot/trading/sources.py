"""Finds the source of a plug-in: by file name, import string or file path, inside the folders the configuration allows.

Strategies, signals and models of the user's own are all found in this way. Never from a URL or encoded text. What was
found is kept with the hash of its text, so that a run can store exactly the source it traded with. This is not a
sandbox: the code of a plug-in is code.
"""

from __future__ import annotations

import dataclasses
import hashlib
import importlib
import importlib.util
import inspect
import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from bot.errors import UserError
from bot.nearest import did_you_mean


@dataclass(frozen=True, slots=True)
class Sought:
    """What kind of plug-in is looked for, in words for a user; `error` is raised when it is not there."""

    noun: str
    folders_key: str
    error: type[UserError]


@dataclass(frozen=True, slots=True)
class Source:
    """The text of a plug-in's file, its SHA-256, and the module that was made of it."""

    module: ModuleType
    text: str
    digest: str


def found_source(target: str, folders: Sequence[Path], sought: Sought) -> Source | None:
    """Find a file name in one of `folders`, a module with a dot, or a path that ends in `.py`; None when it is neither.

    Raises:
        UserError: as `sought.error`: it lies outside the folders, is missing, or does not import.
    """
    if target.endswith(".py"):
        return _read(_module_from(_inside(Path(target), folders, sought), sought))
    if "." in target:
        return imported(target, sought)
    for folder in folders:
        if (folder / f"{target}.py").is_file():
            return _read(_module_from(_inside(folder / f"{target}.py", folders, sought), sought))
    return None


def imported(module: str, sought: Sought) -> Source:
    """Import a module by its name.

    Raises:
        UserError: as `sought.error`: it does not import.
    """
    try:
        return _read(importlib.import_module(module))
    except (Exception, SystemExit) as error:
        raise sought.error(
            f"{sought.noun} module {module!r} does not import: {type(error).__name__}: {error}"
        ) from error


def stored_source(text: str, name: str, use: str, sought: Sought) -> Source:
    """Run the source that a run stored, which is what ran, whatever is on disk now.

    `use` is what the run's configuration named; errors name the same file as they did then.

    Raises:
        UserError: as `sought.error`: it does not run.
    """
    file = _file_name(use)
    module = ModuleType(f"imbalance_stored_{_digest(text)[:12]}")
    module.__file__ = file
    sys.modules[module.__name__] = module  # dataclasses look their module up while the class is being made
    try:
        exec(compile(text, file, "exec"), module.__dict__)  # the text that a run on this database stored
    except (Exception, SystemExit) as error:
        raise sought.error(f"the stored source of {name} does not run: {error}") from error
    return Source(module, text, _digest(text))


def only_class(module: ModuleType, wanted: str, use: str, parent: type[Any], sought: Sought) -> type[Any]:
    """Return the one class of a module that is made from `parent`, or the `wanted` one of several.

    Raises:
        UserError: as `sought.error`: there is none or no one, or it has parameters and is no dataclass.
    """
    found = {
        name: member
        for name, member in vars(module).items()
        if isinstance(member, type) and issubclass(member, parent) and member.__module__ == module.__name__
    }
    if wanted and wanted not in found:
        raise sought.error(f"{use}: no {sought.noun} class {wanted!r} there{did_you_mean(wanted, found)}")
    if not wanted and len(found) != 1:
        names = ", ".join(found) or "none"
        raise sought.error(
            f"{use}: expected one {parent.__name__} class in the file, was {names}; name it as {use}:Class"
        )
    cls = found[wanted] if wanted else next(iter(found.values()))
    if any(isinstance(member, dataclasses.Field) for member in vars(cls).values()):
        raise sought.error(f"{use}: {cls.__name__} declares parameters and should be decorated with @dataclass")
    return cls


def names_in(folders: Sequence[Path]) -> list[str]:
    """Return the names of the files that could be meant in these folders."""
    return sorted({path.stem for folder in folders for path in folder.glob("*.py")} - {"__init__"})


def _file_name(use: str) -> str:
    target = use.partition(":")[0]
    return Path(target).name if target.endswith(".py") else f"{target.rpartition('.')[2]}.py"


def _inside(path: Path, folders: Sequence[Path], sought: Sought) -> Path:
    noun, key = sought.noun, sought.folders_key
    resolved = path.resolve()
    if not resolved.is_file():
        nearby = [str(other) for other in path.parent.glob("*.py")] if path.parent.is_dir() else []
        raise sought.error(f"{noun} file {path} was not found{did_you_mean(str(path), nearby)}")
    if not any(resolved.is_relative_to(folder.resolve()) for folder in folders):
        raise sought.error(
            f"{noun} file {path} lies outside {key} ({', '.join(map(str, folders))}); add its folder there"
        )
    return resolved


def _module_from(path: Path, sought: Sought) -> ModuleType:
    kind = sought.noun.replace(" ", "_")
    name = f"imbalance_{kind}_{path.stem}_{hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:8]}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise sought.error(f"{sought.noun} file {path} is not Python source")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        line = getattr(error, "lineno", None) or _line_in(error, path)
        raise sought.error(f"{sought.noun} file {path}, line {line}: {type(error).__name__}: {error}") from error
    return module


def _line_in(error: BaseException, path: Path) -> str:
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    return str(lines[-1]) if lines else "?"


def _read(module: ModuleType) -> Source:
    text = inspect.getsource(module)
    return Source(module, text, _digest(text))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
