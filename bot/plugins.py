"""What a run or a report plugs into its markets: signals and a model of the user's own, from disk or as stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bot.config import Config
from bot.errors import ConfigError
from bot.market.learned import ModelSpec
from bot.market.signals.catalogue import CATALOGUE
from bot.market.signals.forecast import EXPECTED_MOVE, STANDARD_ERROR, ForecastSpec
from bot.market.signals.naming import parse_signal
from bot.trading.signal_loading import (
    LoadedPlugin,
    LoadedSignal,
    is_own,
    load_model,
    load_signals,
    stored_model,
    stored_signals,
)
from bot.types import NS_PER_S

if TYPE_CHECKING:  # it loads SQLAlchemy, which a run that stores nothing does not need
    from storage.plugins import StoredPlugin

_FORECASTS: Final = frozenset(name for name, each in CATALOGUE.items() if each.code in (EXPECTED_MOVE, STANDARD_ERROR))


@dataclass(frozen=True, slots=True)
class Plugins:
    """Signals of the user's own by the names they are written with, and what forecasts (None: nothing does)."""

    signals: Mapping[str, LoadedSignal] = field(default_factory=dict)
    forecast: ForecastSpec | None = None
    model: LoadedPlugin | None = None

    @property
    def stored(self) -> tuple[StoredPlugin, ...]:
        """What a run stores of them, so that it can be repeated."""
        from storage.plugins import PluginKind, StoredPlugin

        signals = {loaded.plugin.use: loaded.plugin for loaded in self.signals.values()}
        kinds = [(PluginKind.SIGNAL, each) for each in signals.values()]
        kinds += [(PluginKind.MODEL, self.model)] if self.model is not None else []
        return tuple(StoredPlugin(kind, each.use, each.name, each.digest, each.source) for kind, each in kinds)

    def unit(self, name: str) -> str:
        """Return the unit of a signal by the name it is written with."""
        return self.signals[name].unit if name in self.signals else parse_signal(name).signal.unit


def plugins_of(config: Config, names: Sequence[str], *, horizon_ns: int | None = None) -> Plugins:
    """Find what these signals need plugged in; `horizon_ns` stands in for the configured horizon of the forecast.

    Raises:
        ConfigError: a name is that of no signal, or something cannot be loaded; one line that names it.
    """
    folders = [Path(folder) for folder in config.signals.folders]
    signals = load_signals(_looked_at(config, names), folders)
    use = config.forecast.model
    model = load_model(use, folders) if use and _forecasts(names) else None
    return Plugins(signals, _forecast(config, names, model, horizon_ns), model)


def plugins_again(config: Config, names: Sequence[str], stored: Sequence[StoredPlugin]) -> Plugins:
    """Make what a run had plugged in from the sources it stored.

    Raises:
        ConfigError: one was not stored, or does not run.
    """
    from storage.plugins import PluginKind

    sources = {each.use: (each.name, each.text) for each in stored if each.kind is PluginKind.SIGNAL}
    models = [stored_model(each.use, each.name, each.text) for each in stored if each.kind is PluginKind.MODEL]
    model = models[0] if models else None
    signals = stored_signals(_looked_at(config, names), sources)
    return Plugins(signals, _forecast(config, names, model, None), model)


def is_forecast(name: str) -> bool:
    """Tell whether a signal is a forecast, or what says how far to trust one."""
    return name.partition("(")[0].strip() in _FORECASTS


def _forecasts(names: Sequence[str]) -> list[str]:
    return [name for name in names if is_forecast(name)]


def _looked_at(config: Config, names: Sequence[str]) -> tuple[str, ...]:
    """The signals themselves, and what a forecast among them learns from."""
    return tuple(dict.fromkeys((*names, *(config.forecast.on if _forecasts(names) else ()))))


def _forecast(
    config: Config, names: Sequence[str], model: LoadedPlugin | None, horizon_ns: int | None
) -> ForecastSpec | None:
    if not _forecasts(names):
        return None
    own = config.forecast
    if model is None:
        _check_features(own.on)
    return ForecastSpec(
        horizon_ns=horizon_ns or own.horizon_ns,
        features=tuple(own.on),
        halflife_s=own.halflife_ns / NS_PER_S,
        warm_labels=own.warm_labels,
        model=None if model is None else ModelSpec(model.made_by, own.labels, own.refit_every),
    )


def _check_features(features: Sequence[str]) -> None:
    for name in features:
        if is_own(name):
            raise ConfigError(
                f"forecast.on should hold signals of the catalogue, was {name!r}: your own need a forecast.model"
            )
