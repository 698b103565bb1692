"""Finds a strategy by name, import string, file path or entry point, and builds it with checked parameters.

Never from a URL or encoded text. A file must lie inside a folder the configuration allows. What was loaded is named
and hashed, so that a run can store exactly the source it traded with. This is not a sandbox: strategy code is code.
"""

from __future__ import annotations

import dataclasses
import hashlib
import importlib
import importlib.util
import inspect
import sys
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from bot.errors import ConfigError, StrategyNotFound
from bot.nearest import did_you_mean
from bot.trading.contract import Strategy, parameters

ENTRY_POINTS = "imbalance.strategies"


@dataclass(frozen=True, slots=True)
class LoadedStrategy:
    """A strategy class, where it came from, its source text and the SHA-256 of that text."""

    cls: type[Strategy]
    name: str
    origin: str
    source: str
    digest: str

    def build(self, params: Mapping[str, Any]) -> Strategy:
        """Make one instance with `params`.

        Raises:
            ConfigError: a parameter is unknown, of another type or outside its bounds; one line naming it.
        """
        known = parameters(self.cls)
        for key, number in params.items():
            if key not in known:
                raise ConfigError(f"strategy.params.{key} is not a parameter of {self.name}{did_you_mean(key, known)}")
            _check_bounds(f"strategy.params.{key}", number, known[key].default, known[key].metadata)
        return self.cls(**{key: _converted(number, known[key].default) for key, number in params.items()})


def load(use: str, folders: Sequence[Path]) -> LoadedStrategy:
    """Find the strategy that `use` names.

    `use` is a file name in one of `folders` (`imbalance_maker`), an import string (`pkg.mod:Class`), a path to a file
    inside one of `folders` (`./mine/my_alpha.py`), or an entry point's name. A file that holds several strategies
    needs `:Class` behind its name or path.

    Raises:
        StrategyNotFound: nothing by that name, not a strategy, outside the folders, or its file does not import.
    """
    if "://" in use:
        raise StrategyNotFound(f"strategy.use should be a name, an import string or a file path, was {use!r}")
    target, _, wanted = use.partition(":")
    if target.endswith(".py"):
        return _loaded(_module_from(_inside(Path(target), folders)), wanted, use)
    if "." in target:
        return _loaded(_imported(target), wanted, use)
    for folder in folders:
        if (folder / f"{target}.py").is_file():
            return _loaded(_module_from(_inside(folder / f"{target}.py", folders)), wanted, use)
    installed = {point.name: point for point in entry_points(group=ENTRY_POINTS)}
    if target in installed:
        module, _, attribute = installed[target].value.partition(":")
        return _loaded(_imported(module), attribute, use)
    if wanted:
        return _loaded(_imported(target), wanted, use)
    valid = sorted({path.stem for folder in folders for path in folder.glob("*.py")} - {"__init__"}) + list(installed)
    raise StrategyNotFound(
        f"strategy.use = {use!r} was found neither in {', '.join(map(str, folders)) or 'any folder'} "
        f"nor among installed strategies{did_you_mean(target, valid)}"
    )


def load_source(source: str, name: str, use: str) -> LoadedStrategy:
    """Build the strategy class `name` from the source a run stored, which is what ran, whatever is on disk now.

    `use` is what the run's configuration named; errors name the same file as they did then.

    Raises:
        StrategyNotFound: the source does not hold the class, or does not run.
    """
    file = _file_name(use)
    module = ModuleType(f"imbalance_stored_{hashlib.sha256(source.encode()).hexdigest()[:12]}")
    module.__file__ = file
    sys.modules[module.__name__] = module  # dataclasses look their module up while the class is being made
    try:
        exec(compile(source, file, "exec"), module.__dict__)  # the text that a run on this database stored
    except (Exception, SystemExit) as error:
        raise StrategyNotFound(f"the stored source of {name} does not run: {error}") from error
    cls = _only_strategy(module, name, name)
    return LoadedStrategy(cls, cls.__name__, "stored", source, _digest(source))


def _file_name(use: str) -> str:
    target = use.partition(":")[0]
    return Path(target).name if target.endswith(".py") else f"{target.rpartition('.')[2]}.py"


def _inside(path: Path, folders: Sequence[Path]) -> Path:
    resolved = path.resolve()
    if not resolved.is_file():
        nearby = [str(other) for other in path.parent.glob("*.py")] if path.parent.is_dir() else []
        raise StrategyNotFound(f"strategy file {path} was not found{did_you_mean(str(path), nearby)}")
    if not any(resolved.is_relative_to(folder.resolve()) for folder in folders):
        raise StrategyNotFound(
            f"strategy file {path} lies outside strategy.folders ({', '.join(map(str, folders))}); add its folder there"
        )
    return resolved


def _module_from(path: Path) -> ModuleType:
    name = f"imbalance_strategy_{path.stem}_{hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:8]}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise StrategyNotFound(f"strategy file {path} is not Python source")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        line = getattr(error, "lineno", None) or _line_in(error, path)
        raise StrategyNotFound(f"strategy file {path}, line {line}: {type(error).__name__}: {error}") from error
    return module


def _line_in(error: BaseException, path: Path) -> str:
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    return str(lines[-1]) if lines else "?"


def _imported(module: str) -> ModuleType:
    try:
        return importlib.import_module(module)
    except (Exception, SystemExit) as error:
        raise StrategyNotFound(
            f"strategy module {module!r} does not import: {type(error).__name__}: {error}"
        ) from error


def _loaded(module: ModuleType, wanted: str, use: str) -> LoadedStrategy:
    cls = _only_strategy(module, wanted, use)
    source = inspect.getsource(module)
    return LoadedStrategy(cls, cls.__name__, use, source, _digest(source))


def _only_strategy(module: ModuleType, wanted: str, use: str) -> type[Strategy]:
    cls = _chosen(module, wanted, use)
    if any(isinstance(member, dataclasses.Field) for member in vars(cls).values()):
        raise StrategyNotFound(f"{use}: {cls.__name__} declares parameters and should be decorated with @dataclass")
    return cls


def _chosen(module: ModuleType, wanted: str, use: str) -> type[Strategy]:
    found = {
        name: member
        for name, member in vars(module).items()
        if isinstance(member, type) and issubclass(member, Strategy) and member.__module__ == module.__name__
    }
    if wanted:
        if wanted not in found:
            raise StrategyNotFound(f"{use}: no strategy class {wanted!r} there{did_you_mean(wanted, found)}")
        return found[wanted]
    if len(found) != 1:
        names = ", ".join(found) or "none"
        raise StrategyNotFound(f"{use}: expected one Strategy class in the file, was {names}; name it as {use}:Class")
    return next(iter(found.values()))


def _check_bounds(key: str, number: Any, default: Any, bounds: Mapping[str, Any]) -> None:
    numeric = isinstance(default, int | float) and not isinstance(default, bool)
    fits = (
        isinstance(number, int | float) and not isinstance(number, bool) if numeric else type(number) is type(default)
    )
    if not fits or (isinstance(default, int) and numeric and number != int(number)):
        raise ConfigError(f"{key} should be {_kind(default)}, was {number!r}")
    low, high = bounds.get("low"), bounds.get("high")
    if (low is not None and not number >= low) or (high is not None and not number <= high):
        raise ConfigError(f"{key} should be from {low} to {high}, was {number}")


def _kind(default: Any) -> str:
    if isinstance(default, bool):
        return "true or false"
    return {int: "a whole number", float: "a number", str: "a text"}.get(type(default), type(default).__name__)


def _converted(number: Any, default: Any) -> Any:
    return type(default)(number) if isinstance(default, int | float | str) else number


def _digest(source: str) -> str:
    return hashlib.sha256(source.encode()).hexdigest()
