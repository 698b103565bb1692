"""Events into the order of local time as far as a bounded look ahead allows, and into whole messages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Final

import numpy as np

from bot.feed.events import Account, End, Events, join_events
from bot.types import Kind, UInt8s

# How many events later one may come than its stamp says. Seconds of the busiest market, and a few megabytes.
WINDOW: Final = 65_536

# Families of kinds: a message holds events of one, since each comes from a stream of its own.
_BOOK, _QUOTE, _TRADE = 0, 1, 2
_FAMILY: Final = np.zeros(256, np.int64)
_FAMILY[[Kind.BEST_BID, Kind.BEST_ASK]] = _QUOTE
_FAMILY[[Kind.BUY, Kind.SELL]] = _TRADE


class TimeOrder:
    """Sorts events by local time within `window` events, and says where messages end.

    Events of one time keep their order. Where nothing else was said, a message is what follows one another with the
    same stamps: levels together, a bid and an ask quote together, each trade alone. `backwards` counts events that came
    later than their stamp says.
    """

    def __init__(self, account: Account, window: int = WINDOW) -> None:
        self.backwards = 0
        self._account = account
        self._window = window
        self._newest_ns = 0
        self._given_ns = 0

    def sort(self, chunks: Iterable[Events]) -> Iterator[Events]:
        """Give the events of `chunks` in order, in chunks whose messages are whole.

        Raises:
            UserError: an event is too late to be sorted; the line names it.
        """
        waiting: list[Events] = []
        count = 0
        for chunk in chunks:
            if not len(chunk):
                continue
            self._look(chunk)
            waiting.append(chunk)
            count += len(chunk)
            if count > 2 * self._window:
                events = _sorted(join_events(waiting))
                # Whatever has the time at the border stays behind: its message may go on.
                border_ns = int(events.local_ns[count - self._window])
                stop = int(np.searchsorted(events.local_ns, border_ns, side="left"))
                if stop:
                    yield self._given(events.take(slice(0, stop)))
                waiting, count = [events.take(slice(stop, None))], count - stop
        if waiting:
            rest = self._given(_sorted(join_events(waiting)))
            rest.ends[-1] = End.HERE
            yield rest

    def _look(self, chunk: Events) -> None:
        newest = np.maximum.accumulate(np.maximum(chunk.local_ns, self._newest_ns))
        self.backwards += int((newest > chunk.local_ns).sum())
        self._newest_ns = int(newest[-1])
        late = chunk.local_ns < self._given_ns
        if late.any():
            row = int(np.argmax(late))
            back_s = (self._newest_ns - int(chunk.local_ns[row])) / 1e9
            raise self._account.error(
                int(chunk.place[row]),
                f"time should go forward, but went back by {back_s:,.3f} s, farther than {self._window:,} events can "
                "be sorted: sort the file by its local time",
            )

    def _given(self, events: Events) -> Events:
        self._given_ns = int(events.local_ns[-1])
        return replace(events, ends=_ends(events))


def _sorted(events: Events) -> Events:
    if bool((np.diff(events.local_ns) >= 0).all()):
        return events
    return events.take(np.argsort(events.local_ns, kind="stable"))


def _ends(events: Events) -> UInt8s:
    family = _FAMILY[events.kind]
    border = (np.diff(family) != 0) | (np.diff(events.local_ns) != 0) | (np.diff(events.exchange_ns) != 0)
    after = events.kind[1:]
    border |= after == Kind.CLEAR
    border |= (family[1:] == _TRADE) | (after == Kind.BEST_BID)
    border |= (after == Kind.BEST_ASK) & (events.kind[:-1] == Kind.BEST_ASK)
    ends = (np.append(border, True) | (events.ends == End.HERE)) & (events.ends != End.NOT_YET)
    return np.asarray(ends, np.uint8)
