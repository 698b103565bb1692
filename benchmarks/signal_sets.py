"""The sets of signals that are measured, and the one way in which every measurement walks a market with them."""

from __future__ import annotations

from typing import Final

from bot.market.market import Market
from bot.market.signals.catalogue import CATALOGUE
from bot.market.signals.forecast import ForecastSpec
from bot.market.signals.naming import parse_signal
from bot.types import Batch, Instrument, Int64s

BOOK: Final = "book alone"
DEFAULT: Final = "default set"
WHOLE: Final = "whole catalogue"

_DEFAULT: Final = (
    "weighted_mid",
    "depth_imbalance(5)",
    "ofi(1s)",
    "ofi(10s)",
    "mlofi(10, 10s)",
    "trade_flow(10s)",
    "realized_volatility(1m)",
    "vpin(10, 50)",
    "quality",
)
_FEATURES: Final = ("queue_imbalance", "depth_imbalance(5)", "ofi(1s)", "trade_flow(10s)")


def signal_sets() -> dict[str, tuple[str, ...]]:
    """Return the sets by name: none, what a strategy may well use, and every entry of the catalogue by its example."""
    return {BOOK: (), DEFAULT: _DEFAULT, WHOLE: tuple(signal.example for signal in CATALOGUE.values())}


def market(instrument: Instrument, names: tuple[str, ...]) -> Market:
    """Return a fresh market with these signals; forecasts are made of four features."""
    horizons = {int(parse_signal(name).argument("horizon", 0)) for name in names if name.startswith("forecast")}
    spec = ForecastSpec(horizons.pop(), _FEATURES) if horizons else None
    return Market(instrument, names, spec)


def walk(walked: Market, batch: Batch, times_ns: Int64s) -> None:
    """Apply the whole batch and take every decision.

    Raises:
        ValueError: rows are left, so that less than the whole was measured.
    """
    row, _, _ = walked.scan(batch, 0, times_ns)
    if row != len(batch):
        raise ValueError(f"all {len(batch)} rows should have been applied, were {row}")
