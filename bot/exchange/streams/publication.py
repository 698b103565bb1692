"""What each market stream has to say, and when: one source for each stream that somebody listens to.

A source writes its messages once, however many listen.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol

import orjson

from bot.exchange.listing import Listing, PublicTrade
from bot.exchange.rest import ticker, wire
from bot.exchange.rest.wire import Json, Ladder
from bot.exchange.streams import messages
from bot.exchange.streams.depth_chain import Difference, Weaver
from bot.exchange.streams.messages import Quote

FORCED_OF_ALL: Final = "!forceOrder@arr"
_DEPTH: Final = re.compile(r"depth(5|10|20)?(?:@(0|100|250|500)ms)?")
_DEPTH_PERIOD_MS: Final = 250
_MARK_PERIOD_MS: Final = {"": 3_000, "@1s": 1_000}
_TICKER_PERIOD_MS: Final = 1_000


class Source(Protocol):
    """A stream's messages as they fall due. One that speaks `at_once` is asked after every order too."""

    at_once: bool

    def due(self, now_ms: int) -> list[bytes]:
        """Messages to send now, in order; `now_ms` is market time and the time they carry."""

    def close(self) -> None:
        """Let go of what the source holds: nobody listens any more."""


class Publisher:
    """Makes the sources of named streams (`btcusdt@depth@100ms`, `!markPrice@arr`)."""

    def __init__(self, listings: Mapping[str, Listing]) -> None:
        self._listings = listings
        self._weavers = {symbol_id: Weaver(listing) for symbol_id, listing in listings.items()}

    def deal(self) -> None:
        """Take the books' changes over; to be called once a turn, before the sources are asked."""
        for weaver in self._weavers.values():
            weaver.deal()

    def source(self, stream: str) -> Source | None:
        """The source of a stream, None when there is no such stream or symbol."""
        name, _, channel = stream.partition("@")
        if name.startswith("!"):
            return _of_all(stream, tuple(self._listings.values()))
        listing = self._listings.get(name.upper())
        if listing is None or name != name.lower():
            return None
        depth = _DEPTH.fullmatch(channel)
        if depth is not None:
            levels, period = depth.groups()
            period_ms = int(period) if period is not None else _DEPTH_PERIOD_MS
            if levels is None:
                return _DepthSource(listing, self._weavers[listing.symbol_id], period_ms)
            return _TopSource(listing, int(levels), period_ms)
        return _of_one(channel, listing)


def _of_one(channel: str, listing: Listing) -> Source | None:
    pen = _Pen(listing)
    if channel == "trade":
        return _TradeSource(pen, messages.trade, lambda: listing.log.trades)
    if channel == "aggTrade":
        return _TradeSource(pen, messages.aggregate, lambda: listing.log.aggregates)
    if channel == "bookTicker":
        return _QuoteSource((listing,))
    if channel == "forceOrder":
        return _FedSource()
    if channel == "ticker":
        return _PeriodicSource(_TICKER_PERIOD_MS, lambda now_ms: ticker.ticker(listing, pen.ladder, now_ms))
    if channel == "miniTicker":
        return _PeriodicSource(_TICKER_PERIOD_MS, lambda now_ms: ticker.mini_ticker(listing, pen.ladder, now_ms))
    if channel in ("markPrice", "markPrice@1s"):
        period_ms = _MARK_PERIOD_MS[channel.removeprefix("markPrice")]
        return _PeriodicSource(period_ms, lambda now_ms: messages.mark_price(wire.premium(listing, now_ms)))
    return None


def _of_all(stream: str, listings: tuple[Listing, ...]) -> Source | None:
    pens = [_Pen(listing) for listing in listings]
    if stream == "!bookTicker":
        return _QuoteSource(listings)
    if stream == FORCED_OF_ALL:
        return _FedSource()
    if stream == "!ticker@arr":
        return _PeriodicSource(
            _TICKER_PERIOD_MS, lambda now_ms: [ticker.ticker(pen.listing, pen.ladder, now_ms) for pen in pens]
        )
    if stream == "!miniTicker@arr":
        return _PeriodicSource(
            _TICKER_PERIOD_MS, lambda now_ms: [ticker.mini_ticker(pen.listing, pen.ladder, now_ms) for pen in pens]
        )
    if stream in ("!markPrice@arr", "!markPrice@arr@1s"):
        return _PeriodicSource(
            _MARK_PERIOD_MS[stream.removeprefix("!markPrice@arr")],
            lambda now_ms: [messages.mark_price(wire.premium(listing, now_ms)) for listing in listings],
        )
    return None


class _Pen:
    # A listing with its numbers as text; kept, as it costs more to make than a message.
    def __init__(self, listing: Listing) -> None:
        self.listing = listing
        self.ladder = Ladder(listing.instrument)


class _Cadence:
    # Due in the first turn after every multiple of the period, so that streams of one period speak together.
    def __init__(self, period_ms: int) -> None:
        self._period_ms = period_ms
        self._slot: int | None = None

    def is_due(self, now_ms: int) -> bool:
        if self._period_ms == 0:
            return True
        slot, self._slot = self._slot, now_ms // self._period_ms
        return slot is not None and self._slot != slot


class _DepthSource:
    at_once = False

    def __init__(self, listing: Listing, weaver: Weaver, period_ms: int) -> None:
        self._pen = _Pen(listing)
        self._weaver = weaver
        self._chain = weaver.open()
        self._cadence = _Cadence(period_ms)

    def due(self, now_ms: int) -> list[bytes]:
        if not self._cadence.is_due(now_ms):
            return []
        listing = self._pen.listing
        difference = self._chain.cut(listing.book.update_id)
        if difference is None:
            return []
        return [orjson.dumps(messages.depth(listing.symbol_id, self._pen.ladder, difference, now_ms))]

    def close(self) -> None:
        self._weaver.close(self._chain)


class _TopSource:
    at_once = False

    def __init__(self, listing: Listing, levels: int, period_ms: int) -> None:
        self._pen = _Pen(listing)
        self._levels = levels
        self._cadence = _Cadence(period_ms)
        self._told = -1

    def due(self, now_ms: int) -> list[bytes]:
        listing = self._pen.listing
        update_id = listing.book.update_id
        if not self._cadence.is_due(now_ms) or update_id == self._told:
            return []
        previous = self._told if self._told >= 0 else update_id - 1
        self._told = update_id
        top = Difference(previous, update_id, *listing.book.depth(self._levels))
        return [orjson.dumps(messages.depth(listing.symbol_id, self._pen.ladder, top, now_ms))]

    def close(self) -> None:
        pass


class _TradeSource:
    at_once = True

    def __init__(
        self,
        pen: _Pen,
        shape: Callable[[str, Ladder, PublicTrade, int], Json],
        kept: Callable[[], Sequence[PublicTrade]],
    ) -> None:
        self._pen = pen
        self._shape = shape
        self._kept = kept
        trades = kept()
        self._newest = trades[-1] if trades else None

    def due(self, now_ms: int) -> list[bytes]:
        kept = self._kept()
        fresh: list[PublicTrade] = []
        # From the newest back to the last one told: by identity, as a tape's ids need not count up.
        for made in reversed(kept):
            if made is self._newest:
                break
            fresh.append(made)
        if not fresh:
            return []
        self._newest = fresh[0]
        symbol_id, ladder = self._pen.listing.symbol_id, self._pen.ladder
        return [
            orjson.dumps(self._shape(symbol_id, ladder, made, max(now_ms, made.time_ms))) for made in reversed(fresh)
        ]

    def close(self) -> None:
        pass


class _QuoteSource:
    at_once = True

    def __init__(self, listings: tuple[Listing, ...]) -> None:
        self._pens = [_Pen(listing) for listing in listings]
        self._told: dict[str, Quote] = {}
        self._seen: dict[str, int] = {}

    def due(self, now_ms: int) -> list[bytes]:
        frames = []
        for pen in self._pens:
            listing = pen.listing
            symbol_id, book = listing.symbol_id, listing.book
            if self._seen.get(symbol_id) == book.update_id:
                continue
            self._seen[symbol_id] = book.update_id
            bids, asks = book.depth(1)
            quote = (*(bids[0] if bids else (0, 0)), *(asks[0] if asks else (0, 0)))
            if self._told.get(symbol_id) != quote:
                self._told[symbol_id] = quote
                told = messages.book_ticker(symbol_id, pen.ladder, quote, book.update_id, now_ms)
                frames.append(orjson.dumps(told))
        return frames

    def close(self) -> None:
        pass


class _PeriodicSource:
    at_once = False

    def __init__(self, period_ms: int, tell: Callable[[int], Any]) -> None:
        self._cadence = _Cadence(period_ms)
        self._tell = tell

    def due(self, now_ms: int) -> list[bytes]:
        return [orjson.dumps(self._tell(now_ms))] if self._cadence.is_due(now_ms) else []

    def close(self) -> None:
        pass


class _FedSource:
    # A stream whose messages come from what happens to accounts, and are sent as they come.
    at_once = False

    def due(self, now_ms: int) -> list[bytes]:
        return []

    def close(self) -> None:
        pass
