"""The synthetic market: one matching engine and one seeded order flow for every symbol, stepped in virtual time.

Deterministic: the same seed and the same number of steps give the same trades, as long as nobody else trades.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from bot.exchange.books.matching import MatchingEngine, Order
from bot.exchange.listing import Listing, TradeLog
from bot.exchange.markets.catalogue import Quotation
from bot.exchange.markets.factors import Factor
from bot.exchange.markets.flow import Flow, FlowSettings
from bot.types import OrderStatus

_CATCH_UP: Final = 20  # steps made up after a stall; the market sleeps through the rest of it
_MODEL: Final = 2  # grows when a saved market could not go on as it was
# A process that was killed may have given out ids after its last save: a save is due every two seconds, and a
# symbol makes a few hundred ids a second.
ID_GAP: Final = 1_000_000


class SyntheticMarket:
    """Every synthetic book, advanced together in steps of `settings.step_s` seconds.

    `steps` counts them over the market's whole life, restarts included.
    """

    def __init__(self, quotations: tuple[Quotation, ...], seed: int, settings: FlowSettings) -> None:
        self.settings = settings
        self.steps = 0
        self.listings: dict[str, Listing] = {}
        self.ended = False
        self._seed = seed
        self._flows: dict[str, Flow] = {}
        self._factor = Factor(f"{seed}:factor", settings.news_per_s, settings.lean_life_s, settings.step_s)
        self._engines: dict[str, MatchingEngine] = {}
        self._behind_s = 0.0
        self._absent: dict[str, Any] = {}
        for quotation in quotations:
            self._list(quotation)

    def time_ms(self, wall_ms: int) -> int:
        """Market time: the wall's."""
        return wall_ms

    def advance(self, elapsed_s: float) -> int:
        """Make the steps that `elapsed_s` more seconds are worth, at most one second's; how many comes back."""
        step_s = self.settings.step_s
        self._behind_s = min(self._behind_s + elapsed_s, _CATCH_UP * step_s)
        due = int(self._behind_s / step_s)
        self._behind_s -= due * step_s
        for _ in range(due):
            self.step()
        for symbol_id, listing in self.listings.items():
            listing.index = self.fair_ticks(symbol_id)
        return due

    def step(self) -> None:
        """Make one step of every symbol."""
        self._factor.step()
        for flow in self._flows.values():
            flow.step()
        self.steps += 1

    def fair_ticks(self, symbol_id: str) -> float:
        """Hidden fair price in ticks: what an index of other venues would say.

        Raises:
            KeyError: the symbol is not listed.
        """
        return self._flows[symbol_id].fair.ticks

    def lean(self, symbol_id: str) -> float:
        """Hidden lean L, of variance 1, that the planted drift is proportional to.

        Raises:
            KeyError: the symbol is not listed.
        """
        return self._flows[symbol_id].fair.lean

    def snapshot(self) -> dict[str, Any]:
        """Books, ids and the state of every flow, ready for JSON."""
        return {
            "model": _MODEL,
            "factor": self._factor.snapshot(),
            "steps": self.steps,
            "seed": self._seed,
            "symbols": self._absent
            | {
                symbol_id: {
                    "flow": self._flows[symbol_id].snapshot(),
                    "next_order_id": engine.next_order_id,
                    "next_trade_id": engine.next_trade_id,
                    "next_aggregate_id": self.listings[symbol_id].log.next_id,
                    "update_id": engine.update_id,
                    "positions": list(engine.positions.items()),
                    "orders": [_row(order) for side in (engine.bids, engine.asks) for order in side.queue()],
                }
                for symbol_id, engine in self._engines.items()
            },
        }

    def restore(self, saved: Mapping[str, Any], *, clean: bool) -> None:
        """Continue from a snapshot; after an unclean end every id skips `ID_GAP`.

        Symbols that the snapshot lacks start afresh; those that are not listed now are kept for a later start.

        Raises:
            KeyError, TypeError, ValueError: the snapshot is not one, or of a market that works otherwise.
        """
        model = saved.get("model", 1)
        if model != _MODEL:
            raise ValueError(f"a market of model {_MODEL} was expected, was {model}: start afresh in another folder")
        self._factor.restore(saved["factor"])
        self.steps = int(saved["steps"])
        gap = 0 if clean else ID_GAP
        self._absent = {name: kept for name, kept in saved["symbols"].items() if name not in self._engines}
        for symbol_id, engine in self._engines.items():
            kept = saved["symbols"].get(symbol_id)
            if kept is None:
                continue
            for row in kept["orders"]:
                engine.rest(_order(row))
            engine.positions = {int(owner): int(lots) for owner, lots in kept["positions"]}
            engine.next_order_id = int(kept["next_order_id"]) + gap
            engine.next_trade_id = int(kept["next_trade_id"]) + gap
            engine.update_id = int(kept["update_id"]) + 1 + gap
            self.listings[symbol_id].log.next_id = int(kept["next_aggregate_id"]) + gap
            self._flows[symbol_id].restore(kept["flow"])

    def _list(self, quotation: Quotation) -> None:
        instrument = quotation.instrument
        engine = MatchingEngine()
        listing = Listing(instrument, engine, TradeLog(), instrument.price(quotation.anchor_ticks))
        seed = f"{self._seed}:{instrument.symbol}"
        flow = Flow(engine, quotation, self.settings, self._factor, seed)
        self.listings[listing.symbol_id] = listing
        self._engines[listing.symbol_id] = engine
        self._flows[listing.symbol_id] = flow


def _row(order: Order) -> list[int]:
    return [order.order_id, order.owner, order.sign, order.price, order.lots, order.left, int(order.reduce_only)]


def _order(row: list[int]) -> Order:
    order_id, owner, sign, price, lots, left, reduce_only = row
    status = OrderStatus.OPEN if left == lots else OrderStatus.PARTIALLY_FILLED
    return Order(order_id, owner, sign, price, lots, left, bool(reduce_only), status)
