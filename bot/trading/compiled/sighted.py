"""A compiled strategy that can be asked in place of the plain one: the same views in, the same answers out."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from bot.errors import NotCompilable, StrategyFailed
from bot.market import calling
from bot.market.lane import answer as said
from bot.market.lane import sight
from bot.trading.compiled.translation import ENTRY, Translation, translate
from bot.trading.contract import Answer, Hold, Quotes, Strategy, Target, View
from bot.types import Floats


@dataclass(frozen=True, slots=True)
class CompiledStrategy:
    """One strategy with its parameters, as machine code: `callback.address` is what kernels call."""

    translation: Translation
    callback: calling.Callback
    params: Floats

    @classmethod
    def of(cls, strategy: Strategy, source: str) -> CompiledStrategy:
        """Compile a strategy, or load it from the cache; `source` is the text of the module that its class is in.

        Raises:
            NotCompilable: it cannot be compiled; one line with file and line.
        """
        try:
            translation = translate(strategy, source)
        except RecursionError:
            name = type(strategy).__name__
            raise NotCompilable(f"{name} cannot be compiled: it is nested too deeply; write shorter steps") from None
        params = translation.params(strategy)
        return cls(translation, calling.callback(translation.text, ENTRY), params)

    def asked(self) -> Callable[[View], Answer]:
        """Return what answers views one by one, with arrays of its own.

        It raises StrategyFailed where the plain strategy raises or answers out of range.
        """
        own = self.translation
        see, row = np.zeros(sight.SIZE), np.zeros(max(1, len(own.signals)))
        answer, values = np.zeros(said.SIZE), np.zeros(own.values)
        call = self.callback.over(see, row, self.params, answer, values)

        def ask(view: View) -> Answer:
            see[:] = seen(view)
            row[: len(own.signals)] = [view[name] for name in own.signals]
            call()
            return answered(own, answer.tolist(), values.tolist())

        return ask


def seen(view: View) -> list[float]:
    """Return what a view shows, in the order of `bot.market.lane.sight`."""
    return [
        view.bid,
        view.ask,
        view.mid,
        view.tick,
        view.spread_bps,
        view.position,
        view.exposure,
        view.entry,
        float(view.equity),
        view.round_trip_bps,
        view.now_s,
        view.bid_order,
        view.ask_order,
        view.bid_order_size,
        view.ask_order_size,
        view.costs.maker_bps,
        view.costs.taker_bps,
    ]


def answered(translation: Translation, own: Sequence[float], values: Sequence[float]) -> Answer:
    """Return what the numbers of an answer say.

    Raises:
        StrategyFailed: the strategy failed; the line says where.
    """
    kind = own[said.KIND]
    if kind == said.NOTHING:
        return None
    if kind == said.FAILED:
        raise StrategyFailed(f"line {int(own[said.LINE])} of {translation.name} fails, or answers out of range")
    reason, numbers = spoken(translation, own, values)
    if kind == said.HOLD:
        return Hold(reason, numbers)
    stop, profit = own[said.STOP_LOSS_BPS], own[said.TAKE_PROFIT_BPS]
    if kind == said.TARGET:
        return Target(own[said.EXPOSURE], reason, numbers, stop, profit)
    sizes = own[said.BID_SIZE], own[said.ASK_SIZE]
    return Quotes(_price(own[said.BID]), _price(own[said.ASK]), *sizes, reason, numbers, stop, profit)


def spoken(translation: Translation, own: Sequence[float], values: Sequence[float]) -> tuple[str, dict[str, float]]:
    """Return the reason of an answer that does not fail and is more than None, and its numbers by name."""
    names = translation.sites[int(own[said.SITE])].names
    return translation.reasons[int(own[said.REASON])], dict(zip(names, values, strict=False))


def _price(value: float) -> float | None:
    return None if math.isnan(value) else value
