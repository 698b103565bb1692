"""Make one book and one flow of several markets of a coin: spot, linear and inverse, in one currency and in coins.

Each venue's prices are moved by its taker fee, so that a price is what a taker really pays or gets. Venues whose book
is old are left out and counted. Bids of one venue above asks of another are kept: that is the gap arbitrageurs live on,
and has signals of its own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from bot.errors import ConfigError
from bot.market.consolidated_entries import CONSOLIDATED, FLOWS
from bot.market.market import Market
from bot.market.signals.naming import SignalSpec, parse_signal
from bot.types import BPS, NS_PER_S, Floats, Instrument, InstrumentKind, Side

STALE_AFTER_NS: Final = 3 * NS_PER_S
_FIRST_LOOK: Final = 32  # levels to ask for at first when a price says how deep to go
_SAME: Final = 1e-12  # prices closer than this, relatively, are one: they went through a conversion


@dataclass(frozen=True, slots=True)
class Rate:
    """The market of a pair of currencies, such as USDC/USDT: its mid is what the first is worth in the second."""

    instrument: Instrument
    market: Market

    def now(self, oldest_ns: int) -> float:
        """Return the mid, NaN without a book or with one from before `oldest_ns`."""
        market = self.market
        if not market.has_book or market.book_local_ns < oldest_ns:
            return math.nan
        return 0.5 * (market.bid_ticks + market.ask_ticks) * float(self.instrument.tick_size)


@dataclass(frozen=True, slots=True)
class Venue:
    """One market of the coin. `taker_bps` is 0 to below 10,000; 0 leaves its prices as they are shown.

    `rate` is what one unit of its quote currency is worth in the common one: a number above 0, or a market, which then
    has to be as fresh as the venue itself.

    Raises:
        ConfigError: the fee or the rate is out of its bounds.
    """

    instrument: Instrument
    market: Market
    taker_bps: float = 0.0
    rate: float | Rate = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.taker_bps < BPS:
            raise ConfigError(f"taker_bps of {self.instrument.symbol} should be 0 to below {BPS}, was {self.taker_bps}")
        if not isinstance(self.rate, Rate) and not 0 < self.rate < math.inf:
            raise ConfigError(f"rate of {self.instrument.symbol} should be above 0, was {self.rate}")

    def rate_now(self, oldest_ns: int) -> float:
        """Return the conversion rate, NaN when its market has no book or one from before `oldest_ns`."""
        return self.rate.now(oldest_ns) if isinstance(self.rate, Rate) else float(self.rate)

    def coins(self, sizes: Floats, prices: Floats) -> Floats:
        """Return sizes (base currency, contracts for INVERSE) in coins, at prices in the venue's own quote currency."""
        worth = sizes * float(self.instrument.contract_size)
        return worth / prices if self.instrument.kind is InstrumentKind.INVERSE else worth

    def levels(self, side: Side, count: int, rate: float) -> tuple[Floats, Floats]:
        """Return net prices in the common currency, and coins, of the best `count` levels, best first, or fewer."""
        ticks, lots = self.market.levels(side, count)
        prices: Floats = ticks * np.float64(self.instrument.tick_size)
        sizes: Floats = lots * np.float64(self.instrument.lot_size)
        net: Floats = prices * (rate * (1 - side.sign * self.taker_bps / BPS))
        return net, self.coins(sizes, prices)


@dataclass(frozen=True, slots=True)
class _Fresh:
    """A venue that counts at a decision, its conversion rate, its row of signals, and its best net prices."""

    venue: Venue
    rate: float
    row: Floats
    bid: float
    ask: float

    def upto(self, side: Side, bound: float) -> tuple[Floats, Floats]:
        """All levels whose net price is at least as good as `bound`."""
        count = _FIRST_LOOK
        prices, coins = self.venue.levels(side, count, self.rate)
        while len(prices) == count and side.sign * (prices[-1] - bound) >= 0:
            count *= 2
            prices, coins = self.venue.levels(side, count, self.rate)
        near = side.sign * (prices - bound) >= 0
        return prices[near], coins[near]

    def flow(self, name: str) -> float:
        """A signed flow of the venue in coins, at the mid of now for an inverse contract."""
        market = self.venue.market
        size = self.row[market.names.index(name)]
        mid = 0.5 * (market.bid_ticks + market.ask_ticks) * float(self.venue.instrument.tick_size)
        return float(self.venue.coins(np.array(size), np.array(mid)))


class Consolidated:
    """The signals of several venues taken together; `names` are those asked for, in their order.

    Its values depend on the markets' state alone: neither the order of the venues nor how rows came in batches matters.
    """

    __slots__ = ("_specs", "_stale_after_ns", "_venues", "names")

    def __init__(self, venues: Sequence[Venue], names: Sequence[str], stale_after_ns: int = STALE_AFTER_NS) -> None:
        """Take venues together; each one's market has to have the signals that `asked_of_venues` says.

        Raises:
            ConfigError: there is no venue, two are of one symbol, they trade different coins, a name is not that of a
                consolidated signal, or a market lacks a signal.
        """
        self.names = tuple(names)
        self._specs = tuple(parse_signal(name, CONSOLIDATED) for name in names)
        self._venues = tuple(venues)
        self._stale_after_ns = stale_after_ns
        symbols = [venue.instrument.symbol for venue in venues]
        if not symbols or len(set(symbols)) < len(symbols):
            raise ConfigError(
                f"consolidated venues should be one or more, each once, was {', '.join(symbols) or 'none'}"
            )
        if len({venue.instrument.base for venue in venues}) > 1:
            raise ConfigError(f"consolidated venues should all trade one coin, was {', '.join(symbols)}")
        for venue in venues:
            missing = set(asked_of_venues(names)) - set(venue.market.names)
            if missing:
                raise ConfigError(f"market of {venue.instrument.symbol} should have {', '.join(sorted(missing))}")

    def sample(self, now_ns: int, rows: Sequence[Floats]) -> Floats:
        """Return the signals at `now_ns`, (names,), NaN for no value.

        `rows` are what each venue's market said of its own signals at this decision, in the order of the venues.
        """
        fresh = self._fresh(now_ns, rows)
        stale = len(self._venues) - len(fresh)
        return np.array([self._value(spec, fresh, stale) for spec in self._specs])

    def _fresh(self, now_ns: int, rows: Sequence[Floats]) -> list[_Fresh]:
        oldest_ns = now_ns - self._stale_after_ns
        fresh = []
        for venue, row in zip(self._venues, rows, strict=True):
            rate = venue.rate_now(oldest_ns)
            if venue.market.has_book and venue.market.book_local_ns >= oldest_ns and not math.isnan(rate):
                bid, ask = (float(venue.levels(side, 1, rate)[0][0]) for side in (Side.BUY, Side.SELL))
                fresh.append(_Fresh(venue, rate, row, bid, ask))
        return fresh

    def _value(self, spec: SignalSpec, fresh: Sequence[_Fresh], stale: int) -> float:
        name = spec.signal.name
        if name == "stale_venues":
            return float(stale)
        if not fresh:
            return math.nan
        if name in FLOWS:
            return math.fsum(each.flow(f"{FLOWS[name]}{_brackets(spec.name)}") for each in fresh)
        if name == "consolidated_mid":
            return _mid(fresh)
        if name == "consolidated_imbalance":
            return _imbalance(fresh, spec.levels)
        if name == "consolidated_depth":
            return _depth(fresh, spec.argument("bps", 0.0))
        if len(fresh) < 2:
            return math.nan
        return _gap_bps(fresh) if name == "venue_gap" else _gap_coins(fresh)


def asked_of_venues(names: Sequence[str]) -> tuple[str, ...]:
    """Return the signals that each venue's own market needs so that these consolidated ones can be made.

    Raises:
        ConfigError: a name is not that of a consolidated signal.
    """
    specs = (parse_signal(name, CONSOLIDATED) for name in names)
    asked = (f"{FLOWS[spec.signal.name]}{_brackets(spec.name)}" for spec in specs if spec.signal.name in FLOWS)
    return tuple(dict.fromkeys(asked))


def _brackets(name: str) -> str:
    return name[name.index("(") :].strip()


def _stacked(ladders: Sequence[tuple[Floats, Floats]], side: Side) -> tuple[Floats, Floats]:
    """Levels of all venues best first, those of one price put together."""
    prices = np.concatenate([ladder[0] for ladder in ladders])
    coins = np.concatenate([ladder[1] for ladder in ladders])
    order = np.lexsort((coins, -side.sign * prices))
    prices, coins = prices[order], coins[order]
    if not len(prices):
        return prices, coins
    first = np.flatnonzero(np.append(True, np.abs(np.diff(prices)) > _SAME * prices[1:]))
    return prices[first], np.add.reduceat(coins, first)


def _bests(fresh: Sequence[_Fresh]) -> tuple[float, float]:
    return max(each.bid for each in fresh), min(each.ask for each in fresh)


def _mid(fresh: Sequence[_Fresh]) -> float:
    bid, ask = _bests(fresh)
    return 0.5 * (bid + ask)


def _imbalance(fresh: Sequence[_Fresh], count: int) -> float:
    bid, ask = (
        math.fsum(_stacked([each.venue.levels(side, count, each.rate) for each in fresh], side)[1][:count])
        for side in (Side.BUY, Side.SELL)
    )
    return (bid - ask) / (bid + ask)


def _depth(fresh: Sequence[_Fresh], bps: float) -> float:
    mid = _mid(fresh)
    sizes = [each.upto(side, mid * (1 - side.sign * bps / BPS))[1] for each in fresh for side in (Side.BUY, Side.SELL)]
    return math.fsum(np.concatenate(sizes).tolist())


def _gap_bps(fresh: Sequence[_Fresh]) -> float:
    """The best pair of venues; one venue's own bid and ask are no pair."""
    return BPS * max(one.bid / other.ask - 1 for one in fresh for other in fresh if one is not other)


def _gap_coins(fresh: Sequence[_Fresh]) -> float:
    """Walk both books from their best until the next coin would lose. No venue is crossed with itself."""
    bid, ask = _bests(fresh)
    if bid < ask:
        return 0.0
    bids = _stacked([each.upto(Side.BUY, ask) for each in fresh], Side.BUY)
    asks = _stacked([each.upto(Side.SELL, bid) for each in fresh], Side.SELL)
    paid, cost = bids[0].tolist(), asks[0].tolist()
    sold, bought = np.cumsum(bids[1]).tolist(), np.cumsum(asks[1]).tolist()
    row = column = 0
    done = 0.0
    while row < len(sold) and column < len(bought) and paid[row] >= cost[column]:
        done = min(sold[row], bought[column])
        row, column = row + (sold[row] <= done), column + (bought[column] <= done)
    return done
