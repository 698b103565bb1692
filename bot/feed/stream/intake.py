"""What becomes of stream updates: batches, or a symbol that is not in step any more and says so at once."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Final

import ccxt.async_support as ccxt

from bot.errors import BadMarketData
from bot.feed.clock import FeedClock
from bot.feed.faults import TooManyRequests, sorted_out
from bot.feed.poll import Emit, PollFeed
from bot.feed.stream.line import StreamLine
from bot.feed.stream.settings import StreamSettings
from bot.feed.stream.tap import Topic, Wire
from bot.feed.validate import Snapshot
from bot.types import NS_PER_MS, Batch

_LATE_S: Final = 1.0  # messages of a market take a tenth of it; clocks that differ only cost a polled answer more


class Intake:
    """The listener of the tap. `client` is the ccxt.pro client whose caches hold what is streamed.

    Of each symbol `lines` say where it stands; `trades_due` are those whose trades have to be subscribed to (again),
    `recheck_s` when the trades of one should be compared with polled ones. `troubles` count what went wrong with
    connections. With `settings.fall_back` a symbol is polled while its stream is not in step. `on_lost` is told of each
    book that was found wrong.
    """

    def __init__(
        self,
        client: Any,
        polling: PollFeed,
        clock: FeedClock,
        emit: Emit,
        settings: StreamSettings,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self.polling = polling
        self._depth = settings.depth
        self._clock = clock
        self._emit = emit
        self._fall_back = settings.fall_back
        self._same_numbers = settings.same_numbers
        self._monotonic_s = monotonic_s
        self._newest_trade: dict[str, object] = {}
        now_s = monotonic_s()
        self.lines = {symbol: StreamLine(symbol, now_s, settings.same_numbers) for symbol in polling.feeds}
        self.trades_due = set(polling.feeds)
        self.recheck_s: dict[str, float] = {}
        self.troubles: Counter[str] = Counter()
        self.on_lost: Callable[[str], None] = lambda symbol: None

    def book_changed(self, symbol: str, by_message: bool, is_proven: bool = False) -> None:
        """Hand on the book as ccxt has it now: changes since the last time, or its best bid once more.

        Not `by_message`, it says nothing of the stream yet; `is_proven`, it is the exchange's however old its stamp.
        """
        book, line, feed = self._client.orderbooks.get(symbol), self.lines[symbol], self.polling.feeds[symbol]
        if book is None or self.polling.ended:
            return
        depth, health = self._depth, self.polling.inquiry.health[symbol]
        top = {**book, "bids": book["bids"][:depth], "asks": book["asks"][:depth]}
        if feed.shown is not None and feed.shown.nonce == book["nonce"] and type(book["timestamp"]) is int:
            # Of one book a snapshot may carry a later time than the update that follows it.
            top["timestamp"] = max(book["timestamp"], feed.shown.exchange_ns // NS_PER_MS)
        local_ns = self._clock.now_ns()
        try:
            batch = feed.book(top, local_ns)
        except BadMarketData as fault:
            health.refuse(of_book=False)
            self.polling.refusals[fault.kind] += 1
            # Older than what was polled meanwhile: it will catch up. Anything else never mends by itself.
            if fault.kind != "stale":
                self.lose(symbol, fault.kind)
            return
        assert feed.shown is not None  # a book was just made
        is_late = not is_proven and self._is_late(feed.shown)
        back = line.update(feed.shown, self._monotonic_s(), by_message, is_late)
        if line.in_step and not is_late:
            health.proven(local_ns)
        elif is_late:
            # After a standstill of ours, what had piled up: say that it is old before it is handed on.
            self.polling.report(symbol)
        self._emit(batch)
        if back:
            self.polling.hold(symbol)
            self.polling.report(symbol)

    def trades_changed(self, symbol: str, by_message: bool) -> None:
        """Hand on the trades that came since the last time."""
        feed, kept = self.polling.feeds[symbol], self._client.trades.get(symbol)
        if not kept or self.polling.ended:
            return
        fresh: list[object] = []
        # By identity: the cache is bounded, so its length says nothing.
        for trade in reversed(kept):
            if trade is self._newest_trade.get(symbol):
                break
            fresh.append(trade)
        self._newest_trade[symbol] = kept[-1]
        fresh.reverse()
        try:
            self.hand_on(feed.streamed_trades(fresh, self._clock.now_ns()))
        except BadMarketData as fault:
            self.polling.inquiry.health[symbol].refuse(of_book=False)
            self.polling.refusals[fault.kind] += 1
            self.recheck_s[symbol] = 0.0
        if feed.has_trade_gap:
            self.recheck_s[symbol] = 0.0

    def hand_on(self, batch: Batch | None) -> None:
        """Emit what there is."""
        if batch is not None:
            self._emit(batch)

    def frame_lost(self, wire: Wire, symbols: Sequence[str], topic: Topic | None) -> None:
        """Take books for wrong whose update could not be read, and have trades compared.

        Of a frame that names nobody, the next update's numbers tell whose it was, where updates are numbered.
        """
        self.troubles["frames that could not be read"] += 1
        for symbol in symbols or tuple(wire.symbols):
            if not symbols and self._same_numbers:
                self._doubt(symbol)
                continue
            self.recheck_s[symbol] = self._monotonic_s() + 0.5
            if topic is not Topic.TRADES:
                self.lose(symbol, "frame")

    def rejected(self, wire: Wire, symbol: str | None, topic: Topic, fault: object) -> None:
        """Take for lost what ccxt gave up: one subscription, or with no symbol all of a connection."""
        if symbol is not None and topic is Topic.TRADES:
            self.trades_due.add(symbol)
        elif symbol is not None:
            complaint = sorted_out(fault, self._client) if isinstance(fault, Exception) else None
            if isinstance(complaint, TooManyRequests):
                self.polling.inquiry.pause(complaint)
            self.lose(symbol, "gap" if isinstance(fault, ccxt.InvalidNonce) else "update")
        elif not wire.is_over:
            wire.is_over = True
            self.troubles["connections lost"] += 1
            for one in wire.symbols:
                self.lose(one, "connection")
            self.trades_due |= wire.symbols

    def broke(self, fault: BaseException) -> None:
        """End the feed for a bug."""
        self.polling.break_down(fault)

    def lose(self, symbol: str, reason: str) -> None:
        """Call a symbol's book wrong, in the open, until it is in step again."""
        was_in_step = self.lines[symbol].lose(reason, self._monotonic_s())
        self._client.orderbooks.pop(symbol, None)
        self.on_lost(symbol)
        if self._fall_back:
            self.polling.release(symbol)
        if was_in_step:
            self.polling.feeds[symbol].count_missed()
            self._tell_lost(symbol)

    def _is_late(self, book: Snapshot) -> bool:
        """Tell whether a message is old by its own stamp, where a polled answer can tell that it really is."""
        age_ns = book.local_ns + self.polling.inquiry.skew_ns - book.exchange_ns
        return self._same_numbers and book.exchange_ns > 0 and self._clock.real_s(age_ns) > _LATE_S

    def _doubt(self, symbol: str) -> None:
        if self.lines[symbol].doubt(self._monotonic_s()):
            self._tell_lost(symbol)

    def _tell_lost(self, symbol: str) -> None:
        self.polling.inquiry.health[symbol].lose()
        self.polling.report(symbol)
