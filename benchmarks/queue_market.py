"""One synthetic market without any order of ours, and copies of it in which ours rest: what truly would have happened.

A copy is made with all random states at the moment of placement, so that it goes on as the original does until the
order itself makes a difference. The original's public feed therefore never shows the order, nor what others did about
it, just as no feed shows a paper order.
"""

from __future__ import annotations

import math
import pickle
from collections.abc import Sequence
from decimal import Decimal
from typing import Final, NamedTuple

from benchmarks.queue_orders import CHECKS_MS, MARKOUTS_MS, REST_MS, Fate, Placement, Regime
from bot.exchange.accounts.account import Account, OwnOrder
from bot.exchange.books.matching import MatchingEngine, Trade
from bot.exchange.books.order import Rule
from bot.exchange.exchange import Exchange, Ticket
from bot.exchange.floor import STEP_MS
from bot.exchange.keys import ApiKey
from bot.exchange.listing import Listing, PublicTrade
from bot.exchange.markets.catalogue import quotations
from bot.exchange.markets.flow import FlowSettings
from bot.exchange.markets.synthetic import SyntheticMarket
from bot.exchange.virtual import EPOCH_MS
from bot.types import Side

_STEP_S: Final = STEP_MS / 1000
Lots = dict[int, int]
"""Lots by order id."""

_KEY: Final = ApiKey("tiny", "tiny", Decimal(1_000_000))


class Original:
    """The market of a regime, moved turn by turn; nobody has an account on it."""

    def __init__(self, regime: Regime, seed: int) -> None:
        settings = FlowSettings(alpha=regime.alpha, step_s=_STEP_S)
        self._market = SyntheticMarket(quotations((regime.symbol,)), seed, settings)
        self.turns = 0

    @property
    def listing(self) -> Listing:
        """Its only symbol."""
        (listing,) = self._market.listings.values()
        return listing

    def turn(self) -> list[Trade]:
        """Let `STEP_MS` pass and return what traded."""
        self._market.advance(_STEP_S)
        self.turns += 1
        return self.listing.book.drain()

    def saved(self) -> bytes:
        """Return the whole state, for `Copy`."""
        return pickle.dumps(self._market, pickle.HIGHEST_PROTOCOL)


class Copy:
    """The market as it was when it was saved, with an exchange around it on which an account of ours trades."""

    def __init__(self, saved: bytes, turns: int) -> None:
        self._market: SyntheticMarket = pickle.loads(saved)
        (self.listing,) = self._market.listings.values()
        self.account = Account.of(1, _KEY)
        self._exchange = Exchange(self._market.listings, {_KEY.key: self.account})
        self._now_ms = EPOCH_MS + turns * STEP_MS
        self.public: list[PublicTrade] = []
        self.listing.log.witness = self.public.append

    @property
    def mid_ticks(self) -> float:
        """Middle of the best bid and ask, NaN while a side is empty."""
        return mid_of(self.listing)

    def place(self, placement: Placement) -> OwnOrder:
        """Place an order, post-only.

        Raises:
            Refusal: as `Exchange.place` says.
        """
        instrument = self.listing.instrument
        size, price = instrument.size(placement.lots), instrument.price(placement.price)
        name = f"o{placement.moment}-{placement.side}-{placement.price}"
        ticket = Ticket(self.listing.symbol_id, placement.side.sign, size, price, Rule.GTX, False, name)
        return self._exchange.place(self.account, ticket, self._now_ms)

    def turn(self) -> None:
        """Let `STEP_MS` pass and settle what traded."""
        self._market.advance(_STEP_S)
        self._now_ms += STEP_MS
        self._exchange.settle(self.listing, self._now_ms)

    def cancel(self, own: OwnOrder) -> None:
        """Cancel an order that rests."""
        self._exchange.cancel(self.account, own, self._now_ms)

    def queue(self, own: OwnOrder) -> tuple[Lots, Lots]:
        """Lots by order id that stand before a resting order at its price, and those that stand behind it.

        Both are empty when it does not rest any more.
        """
        book, order = self.listing.book, own.order
        before: Lots = {}
        behind: Lots = {}
        if order.status.is_closed or not isinstance(book, MatchingEngine):
            return before, behind
        part = before
        for other in (book.bids if order.sign > 0 else book.asks).levels[order.price].orders.values():
            if other is order:
                part = behind
            else:
                part[other.order_id] = other.left
        return before, behind


class Struck(NamedTuple):
    """What was cancelled of a level in one turn while something was left of it: lots ahead of our order, and behind.

    `ahead` is the share (0 to 1) of the level's lots that stood ahead before.
    """

    ahead: float
    lots_ahead: int
    lots_behind: int


class Truth:
    """What truly became of one order, written down turn by turn; `mids` are those at `MARKOUTS_MS` after its end."""

    def __init__(self, placement: Placement, own: OwnOrder) -> None:
        self.placement = placement
        self.own = own
        self.mids: list[float] = []
        self.struck: list[Struck] = []
        self._before: Lots = {}
        self._behind: Lots = {}
        self._fills: list[tuple[int, int]] = []
        self._ahead: list[float] = []
        self._done_ms: int | None = None
        self._ms = 0

    @property
    def fate(self) -> Fate:
        """Fills and lots ahead so far."""
        return Fate(tuple(self._fills), tuple(self._ahead))

    @property
    def is_over(self) -> bool:
        """True when nothing more is to be written down: it was cancelled, or the last mid after its end is known."""
        return self._ms >= CHECKS_MS[-1] and (
            len(self.mids) == len(MARKOUTS_MS) or (self._done_ms is None and self._ms >= REST_MS)
        )

    def note(self, copy: Copy, ms: int, traded: Sequence[PublicTrade]) -> None:
        """Look at the order `ms` after its placement, and at what traded since the last look; cancel it in time."""
        self._ms = ms
        fresh = self.own.filled - sum(lots for _, lots in self._fills)
        if fresh:
            self._fills.append((ms, fresh))
            if self.own.filled == self.placement.lots:
                self._done_ms = ms
        before, behind = copy.queue(self.own)
        if ms in CHECKS_MS:
            self._ahead.append(math.nan if self.own.order.status.is_closed else sum(before.values()))
        if before or behind:
            self._count(before, behind, sum(one.lots for one in traded if one.price == self.placement.price))
        self._before, self._behind = before, behind
        if ms == REST_MS and self._done_ms is None:
            copy.cancel(self.own)
        if self._done_ms is not None and ms - self._done_ms in MARKOUTS_MS:
            self.mids.append(copy.mid_ticks)

    def _count(self, before: Lots, behind: Lots, traded: int) -> None:
        # What trades comes from the front; nobody can join ahead of us.
        front, back = sum(self._before.values()), sum(self._behind.values())
        gone_behind = sum(lots - behind.get(order_id, 0) for order_id, lots in self._behind.items())
        gone_ahead = front - sum(before.values()) - min(traded, front)
        if front and back and (gone_ahead or gone_behind):
            self.struck.append(Struck(front / (front + back), gone_ahead, gone_behind))


def truth(saved: bytes, placement: Placement) -> Truth:
    """Place an order into a copy of the market and follow it to its end, and its fill a little beyond."""
    copy = Copy(saved, placement.turn)
    found = Truth(placement, copy.place(placement))
    found.note(copy, 0, ())
    ms = 0
    while not found.is_over:
        told = len(copy.public)
        copy.turn()
        ms += STEP_MS
        found.note(copy, ms, copy.public[told:])
    return found


def mids_with(saved: bytes, placement: Placement, times_ms: Sequence[int]) -> list[float]:
    """Place an order into a copy of the market and return the mids in ticks at times after, whatever becomes of it."""
    copy = Copy(saved, placement.turn)
    copy.place(placement)
    mids = []
    for ms in range(STEP_MS, times_ms[-1] + STEP_MS, STEP_MS):
        copy.turn()
        if ms in times_ms:
            mids.append(copy.mid_ticks)
    return mids


def mid_of(listing: Listing) -> float:
    """Middle of a listing's best bid and ask in ticks, NaN while a side is empty."""
    bid, ask = listing.book.touch()
    return math.nan if bid is None or ask is None else (bid + ask) / 2


def best_of(listing: Listing, side: Side) -> int:
    """Best price of a side in ticks.

    Raises:
        ValueError: the side is empty.
    """
    best = listing.book.touch()[0 if side is Side.BUY else 1]
    if best is None:
        raise ValueError(f"{listing.symbol_id} should have a {side} side to place orders at, had none")
    return best
