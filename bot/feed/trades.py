"""Tell new trades from those already known: a poll answers with overlapping pages, a stream leaves some out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from bot.feed.validate import Print

# Reading a trade costs ccxt 10 us: few are asked for while few happen.
_FEW: Final = 50


class TradeTape:
    """The trades of one instrument that were seen; bounded, so that a long run doesn't grow.

    `ask` is how many to ask for next. `missed` counts answers that hold no known trade however many are asked for: what
    happened between them and the page before is unknown. It also counts gaps of a stream that no answer reached back
    over.
    """

    def __init__(self, page: int) -> None:
        """Ask for at most `page` trades at once (> 0) and remember four times as many."""
        self._page = page
        self._seen: dict[int, bool] = {}
        self._forgotten = -1
        self._primed = False
        self._newest = -1
        self._since_ns = 0
        self._gap_from = 0
        self.ask = min(_FEW, page)
        self.missed = 0

    def fresh(self, page: Sequence[Print]) -> list[Print]:
        """Return the page's new trades by exchange time and id.

        None of the first page are: they happened before anyone listened. A page that doesn't reach back to a known
        trade is left alone, and `ask` raised, as long as a longer one can be asked for.
        """
        new = {trade.id: trade for trade in page if not self._is_known(trade)}
        has_gap = self._primed and self._has_gap(page, len(new))
        if has_gap and self.ask < self._page:
            self.ask = self._page
            return []
        self.missed += has_gap
        self._remember(new.values())
        self.ask = min(self._page, max(_FEW, 4 * len(new)))
        if not self._primed:
            self._primed = True
            self.ask = min(_FEW, self._page)
            # A longer page may later show what is older still: not news either.
            self._forgotten = min((trade.id for trade in page if trade.numbered), default=0) - 1
            return []
        return sorted(new.values(), key=_by_time)

    def streamed(self, updates: Sequence[Print]) -> list[Print]:
        """Return the new ones of a stream's trades by number; all of them are news, the first ones too.

        Numbers that were left out before the newest are a gap.
        """
        new = sorted({trade.id: trade for trade in updates if not self._is_known(trade)}.values(), key=_by_time)
        for trade in new:
            if not self._primed:
                self._since_ns = trade.exchange_ns
                self._primed = True
                # What happened before anyone listened is not news when a page shows it later.
                self._forgotten = trade.id - 1 if trade.numbered else self._forgotten
            elif trade.numbered and trade.id > self._newest + 1 > 0:
                self._gap_from = min(self._gap_from or trade.id, self._newest + 1)
            self._newest = max(self._newest, trade.id if trade.numbered else -1)
        self._remember(new)
        return new

    @property
    def has_gap(self) -> bool:
        """True while numbers are missing that nobody has asked for."""
        return self._gap_from > 0

    def repaired(self, page: Sequence[Print]) -> list[Print]:
        """Return the trades of a page that were left out, by exchange time and id, and take the gap for closed.

        What a page that reaches back over the gap doesn't hold never was a trade: some exchanges leave out numbers.
        """
        if not self._primed or not page:
            return self.fresh(page)
        unknown = {trade.id: trade for trade in page if not self._is_known(trade)}
        new = sorted((trade for trade in unknown.values() if trade.exchange_ns >= self._since_ns), key=_by_time)
        if self._gap_from:
            self.missed += min(trade.id for trade in page) > self._gap_from
            self._gap_from = 0
        elif new and len(new) == len({trade.id for trade in page}):
            self.missed += 1
        self._remember(new)
        return new

    def restart(self) -> None:
        """Forget all trades: the exchange began to number them anew."""
        self._seen.clear()
        self._forgotten = self._newest = -1
        self._gap_from = self._since_ns = 0
        self._primed = False

    def _has_gap(self, page: Sequence[Print], new: int) -> bool:
        """Tell whether there may be trades between the page and those known: it is all new, and it was cut off."""
        is_all_new = new > 0 and new == len({trade.id for trade in page})
        return is_all_new and (bool(self._seen) or len(page) >= self.ask)

    def _is_known(self, trade: Print) -> bool:
        return trade.id in self._seen or (trade.numbered and trade.id <= self._forgotten)

    def _remember(self, trades: Iterable[Print]) -> None:
        for trade in sorted(trades, key=_by_time):
            self._seen[trade.id] = trade.numbered
            if trade.numbered:
                self._newest = max(self._newest, trade.id)
        while len(self._seen) > 4 * self._page:
            oldest = next(iter(self._seen))
            # A number below a forgotten one is an old page's, not news.
            if self._seen.pop(oldest):
                self._forgotten = max(self._forgotten, oldest)


def _by_time(trade: Print) -> tuple[int, int]:
    return trade.exchange_ns, trade.id
