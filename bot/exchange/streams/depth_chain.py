"""Books as streams of differences: they keep a snapshot up to date, and show when one of them is missing.

Every message carries the ids of the changes it covers, `U` to `u`, and the `u` of the message before it as `pu`. With a
snapshot of id N: drop what has u < N; the first message to apply has U <= N <= u or pu == N; from then on pu is the u
of the message before, or something was lost.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from bot.exchange.listing import Listing

_Levels = list[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Difference:
    """Levels of a book that changed by the updates after `previous` until `last`, as (ticks, lots); 0 lots: gone."""

    previous: int
    last: int
    bids: _Levels
    asks: _Levels


@dataclass(slots=True, eq=False)
class Chain:
    """Changes of one book that wait for their message; `last` is the id that the newest message reached."""

    last: int
    _bids: dict[int, int] = field(default_factory=dict)
    _asks: dict[int, int] = field(default_factory=dict)

    def fold(self, bids: _Levels, asks: _Levels) -> None:
        """Add changes: of a level that changed twice only its newest size is told."""
        self._bids.update(bids)
        self._asks.update(asks)

    def cut(self, update_id: int) -> Difference | None:
        """Everything that changed until `update_id`, None if nothing did; the next difference follows on it."""
        if not self._bids and not self._asks:
            return None
        bids, asks = sorted(self._bids.items(), reverse=True), sorted(self._asks.items())
        difference = Difference(self.last, max(update_id, self.last), bids, asks)
        self.last = difference.last
        self._bids, self._asks = {}, {}
        return difference


class Weaver:
    """Deals a book's changes out to its chains, as the book tells them only once. One chain a cadence."""

    def __init__(self, listing: Listing) -> None:
        self._listing = listing
        self._chains: list[Chain] = []

    def open(self) -> Chain:
        """Start a chain at the book as it is now."""
        self.deal()
        chain = Chain(self._listing.book.update_id)
        self._chains.append(chain)
        return chain

    def close(self, chain: Chain) -> None:
        """Forget a chain that nobody listens to."""
        self._chains = [one for one in self._chains if one is not chain]

    def deal(self) -> None:
        """Give every chain what changed since the last call. Without any it is forgotten, as it must not pile up."""
        bids, asks = self._listing.book.changes()
        for chain in self._chains:
            chain.fold(bids, asks)
