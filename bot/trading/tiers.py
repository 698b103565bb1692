"""Fee tiers: who traded much in the last 30 days pays less, from the next midnight UTC on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from bot.trading.contract import Costs
from bot.types import NS_PER_S, Liquidity

DAY_NS: Final = 86_400 * NS_PER_S
WINDOW_DAYS: Final = 30


@dataclass(frozen=True, slots=True)
class FeeTier:
    """Fees in basis points (negative = rebate) from a 30-day volume in quote currency on."""

    from_volume: Decimal
    maker_bps: Decimal
    taker_bps: Decimal


def utc_day(now_ns: int) -> int:
    """Return the number of the UTC day since 1970."""
    return now_ns // DAY_NS


def volume_before(volumes: Mapping[int, Decimal], day: int) -> Decimal:
    """Return what was traded in the 30 whole UTC days before `day`, from what was traded on each."""
    return sum((traded for when, traded in volumes.items() if day - WINDOW_DAYS <= when < day), Decimal(0))


def tier_of(tiers: Sequence[FeeTier], volume: Decimal) -> FeeTier:
    """Return the last tier that `volume` reaches; `tiers` are in the order of `from_volume`, the first from 0."""
    return [tier for tier in tiers if tier.from_volume <= volume][-1]


@dataclass(slots=True)
class FeeSchedule:
    """The fees of one lane. The tier of a UTC day is looked up once, at the first fill or decision of that day.

    `volumes` is what the account traded on each UTC day, in quote currency, kept by its portfolio.
    """

    tiers: Sequence[FeeTier]
    volumes: Mapping[int, Decimal]
    _of_day: dict[int, FeeTier] = field(default_factory=dict)
    _newest: FeeTier = field(init=False)
    _costs: Costs = field(init=False)

    def __post_init__(self) -> None:
        self._newest = self.tiers[0]
        self._costs = _costs(self._newest)

    def tier(self, now_ns: int) -> FeeTier:
        """Return the tier that holds on the UTC day of `now_ns`."""
        day = utc_day(now_ns)
        found = self._of_day.get(day)
        if found is None:
            found = self._of_day[day] = tier_of(self.tiers, volume_before(self.volumes, day))
            self._newest = self._of_day[max(self._of_day)]
            self._costs = _costs(self._newest)
        return found

    def bps(self, liquidity: Liquidity, now_ns: int) -> Decimal:
        """Return the fee of a fill at `now_ns`, in basis points."""
        tier = self.tier(now_ns)
        return tier.maker_bps if liquidity is Liquidity.MAKER else tier.taker_bps

    def costs_at(self, now_ns: int) -> Costs:
        """Return the fees of the UTC day of `now_ns` as a strategy sees them."""
        self.tier(now_ns)
        return self.costs

    @property
    def taker_bps(self) -> Decimal:
        """Taker fee of the newest day that was looked up, in basis points."""
        return self._newest.taker_bps

    @property
    def costs(self) -> Costs:
        """Fees of the newest day that was looked up, as a strategy sees them."""
        return self._costs


def _costs(tier: FeeTier) -> Costs:
    return Costs(float(tier.maker_bps), float(tier.taker_bps))
