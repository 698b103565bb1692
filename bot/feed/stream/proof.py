"""Prove streams by polled answers: a book that differs was lost, and a stream silent beside a moving book is dead."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from bot.feed.chores import Chores
from bot.feed.stream.intake import Intake
from bot.feed.stream.line import StreamLine, Verdict
from bot.feed.stream.settings import StreamSettings
from bot.feed.stream.tap import Tap

_PAGE: Final = 500
_LATE_S: Final = 1.0  # a trade that a stream has not told for so long it left out


class Proof:
    """Compare one symbol at a time, the longest unproven first. `cut(client, why)` ends a connection that is dead."""

    def __init__(
        self,
        intake: Intake,
        tap: Tap,
        chores: Chores,
        settings: StreamSettings,
        cut: Callable[[Any, str], None],
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._intake = intake
        self._tap = tap
        self._chores = chores
        self._settings = settings
        self._cut = cut
        self._monotonic_s = monotonic_s
        self._next_s = 0.0
        now_s, count = monotonic_s(), max(len(intake.lines), 1)
        # Spread over the interval, so that the requests never come all at once.
        self._audit_s = {
            symbol: now_s + index / count * settings.audit_every_s for index, symbol in enumerate(intake.lines)
        }
        for index, symbol in enumerate(intake.lines):
            intake.recheck_s[symbol] = now_s + (1 + index) / count * settings.trades_audit_every_s

    def tend(self) -> None:
        """Begin the comparisons that are due now, as far as requests may go out."""
        now_s = self._monotonic_s()
        for symbol, due_s in self._intake.recheck_s.items():
            if now_s >= max(due_s, self._next_s) and self._chores.begin(
                f"recheck {symbol}", partial(self._recheck, symbol)
            ):
                self._intake.recheck_s[symbol] = now_s + self._settings.trades_audit_every_s
                self._next_s = now_s + self._settings.probe_apart_s
        for line in sorted(self._intake.lines.values(), key=lambda line: line.proven_s):
            is_due = line.is_started and (
                self._is_quiet(line) or (line.in_step and now_s >= self._audit_s[line.symbol])
            )
            if (
                is_due
                and now_s >= self._next_s
                and self._chores.begin(f"proof {line.symbol}", partial(self._prove, line))
            ):
                self._audit_s[line.symbol] = now_s + self._settings.audit_every_s
                self._next_s = now_s + self._settings.probe_apart_s

    async def _prove(self, line: StreamLine) -> None:
        symbol, polling, updates = line.symbol, self._intake.polling, line.updates
        asked_s = self._monotonic_s()
        call = partial(polling.inquiry.client.fetch_order_book, symbol, self._settings.depth)
        answer = await polling.inquiry.ask(symbol, call, polling.feeds[symbol].witness)
        # What was asked before a standstill says nothing of the market after it.
        is_old = self._monotonic_s() - asked_s > self._settings.silent_after_s
        if answer is None or is_old or not line.is_started:
            return
        verdict = line.judge(answer)
        was_ahead = verdict is Verdict.AHEAD
        if was_ahead:
            # It may only be on its way.
            await asyncio.sleep(self._settings.grace_s)
            verdict = line.judge(answer)
        if not line.is_started:
            return
        if verdict is Verdict.DIFFERENT:
            self._intake.lose(symbol, "difference")
        elif verdict is Verdict.AHEAD and line.updates == updates:
            self._bury(symbol)
        elif verdict is Verdict.AHEAD and self._settings.same_numbers:
            self._give_up_late(symbol)
        elif self._is_quiet(line) and (was_ahead or (line.updates == updates and line.is_newest(answer))):
            # Nothing was missed in this silence, and nothing is late whatever its stamp says: state the book once
            # more, so that nobody takes it for an old one.
            self._intake.book_changed(symbol, by_message=True, is_proven=True)

    def _is_quiet(self, line: StreamLine) -> bool:
        return self._monotonic_s() - line.proven_s >= self._settings.quiet_after_s

    def _bury(self, symbol: str) -> None:
        """End what the market goes on without: the connection, or one subscription where others still speak."""
        now_s = self._monotonic_s()
        for wire in self._tap.wires:
            if symbol in wire.symbols and now_s - wire.market_s >= self._settings.quiet_after_s:
                self._cut(wire.client, "pongs alone")
        self._intake.lose(symbol, "silence")

    def _give_up_late(self, symbol: str) -> None:
        """End a connection whose messages come, but late: a new one has no backlog."""
        for wire in self._tap.wires:
            if symbol in wire.symbols:
                self._cut(wire.client, "delay")
        self._intake.lose(symbol, "delay")

    async def _recheck(self, symbol: str) -> None:
        """Ask for the trades a stream left out; when it left out old ones without a word, subscribe anew."""
        polling = self._intake.polling
        feed, inquiry = polling.feeds[symbol], polling.inquiry
        had_gap = feed.has_trade_gap
        call = partial(inquiry.client.fetch_trades, symbol, None, _PAGE)
        batch = await inquiry.ask(symbol, call, feed.repaired_trades)
        if feed.has_trade_gap:
            self._intake.recheck_s[symbol] = self._monotonic_s() + _LATE_S
        if batch is None:
            return
        self._intake.hand_on(batch)
        age_ns = int(batch.local_ns[-1]) + inquiry.skew_ns - int(batch.exchange_ns[-1])
        if not had_gap and age_ns > _LATE_S * 1e9:
            self._intake.trades_due.add(symbol)
