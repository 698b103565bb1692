"""Tell new trades from those an earlier page already held: a poll answers with overlapping pages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bot.feed.validate import Print


class TradeTape:
    """The trades of one instrument that were seen; bounded, so that a long run doesn't grow.

    `missed` counts answers without a single known trade: what happened between them and the page before is unknown.
    """

    def __init__(self, page: int) -> None:
        """Remember four times `page`, the number of trades asked for at once (> 0)."""
        self._page = page
        self._seen: dict[int, bool] = {}
        self._forgotten = -1
        self._primed = False
        self.missed = 0

    def fresh(self, page: Sequence[Print]) -> list[Print]:
        """Return the page's new trades by exchange time and id.

        None of the first page are: they happened before anyone listened.
        """
        known = bool(self._seen)
        new: dict[int, Print] = {}
        for trade in page:
            if not self._is_known(trade):
                new[trade.id] = trade
        self._remember(new.values())
        if not self._primed:
            self._primed = True
            # A longer page may later show what is older still: not news either.
            self._forgotten = min((trade.id for trade in page if trade.numbered), default=0) - 1
            return []
        if new and len(new) == len({trade.id for trade in page}) and (known or len(page) >= self._page):
            self.missed += 1
        return sorted(new.values(), key=lambda trade: (trade.exchange_ns, trade.id))

    def restart(self) -> None:
        """Forget all trades: the exchange began to number them anew."""
        self._seen.clear()
        self._forgotten = -1
        self._primed = False

    def _is_known(self, trade: Print) -> bool:
        return trade.id in self._seen or (trade.numbered and trade.id <= self._forgotten)

    def _remember(self, trades: Iterable[Print]) -> None:
        for trade in sorted(trades, key=lambda trade: (trade.exchange_ns, trade.id)):
            self._seen[trade.id] = trade.numbered
        while len(self._seen) > 4 * self._page:
            oldest = next(iter(self._seen))
            # A number below a forgotten one is an old page's, not news.
            if self._seen.pop(oldest):
                self._forgotten = max(self._forgotten, oldest)
