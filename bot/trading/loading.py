"""Finds a strategy by name, import string, file path or entry point, and builds it with checked parameters.

What was loaded is named and hashed, so that a run can store exactly the source it traded with.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Final

from bot.errors import StrategyNotFound
from bot.market.custom import parameters
from bot.nearest import did_you_mean
from bot.trading.arguments import checked
from bot.trading.contract import Strategy
from bot.trading.sources import Sought, Source, found_source, imported, names_in, only_class, stored_source

ENTRY_POINTS: Final = "imbalance.strategies"

_STRATEGY: Final = Sought("strategy", "strategy.folders", StrategyNotFound)


@dataclass(frozen=True, slots=True)
class LoadedStrategy:
    """A strategy class, where it came from, its source text and the SHA-256 of that text.

    `translates` is False where there is no time to make machine code of one that does not promise to have any.
    """

    cls: type[Strategy]
    name: str
    origin: str
    source: str
    digest: str
    translates: bool = True

    def build(self, params: Mapping[str, Any]) -> Strategy:
        """Make one instance with `params`.

        Raises:
            ConfigError: a parameter is unknown, of another type or outside its bounds; one line naming it.
        """
        known = parameters(self.cls)
        return self.cls(**checked(params, known, "strategy.params.", self.name))


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
    source = found_source(target, folders, _STRATEGY)
    if source is not None:
        return _loaded(source, wanted, use)
    installed = {point.name: point for point in entry_points(group=ENTRY_POINTS)}
    if target in installed:
        module, _, attribute = installed[target].value.partition(":")
        return _loaded(imported(module, _STRATEGY), attribute, use)
    if wanted:
        return _loaded(imported(target, _STRATEGY), wanted, use)
    valid = names_in(folders) + list(installed)
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
    stored = stored_source(source, name, use, _STRATEGY)
    cls = only_class(stored.module, name, name, Strategy, _STRATEGY)
    return LoadedStrategy(cls, cls.__name__, "stored", source, stored.digest)


def _loaded(source: Source, wanted: str, use: str) -> LoadedStrategy:
    cls = only_class(source.module, wanted, use, Strategy, _STRATEGY)
    return LoadedStrategy(cls, cls.__name__, use, source.text, source.digest)
