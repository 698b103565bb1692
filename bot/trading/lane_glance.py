"""The numbers of one lane at one decision, and what its `View` shows of them when the strategy looks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from bot.market.matching.layout import COST, ORDER, POSITION
from bot.trading.lane_money import LaneMoney, Stake
from bot.trading.lane_views import Label, entry_price, mirrored, open_orders
from bot.types import Fill, Instrument


class Glance(NamedTuple):
    """What was taken of a lane's numbers, all of it copied: the kernel goes on with its own.

    `twice_mid` is bid + ask in ticks where the lane sees itself as in a mirror, else 0. `own` is its stake here,
    `others` are those in other instruments; `orders` are the bytes of its working ones, `fills` rows of the log.
    """

    instrument: Instrument
    label: Label
    money: LaneMoney
    twice_mid: int
    own: Stake
    others: Sequence[Stake]
    orders: bytes
    fills: Sequence[list[int]]

    def made(self, name: str) -> object:
        """Return what a `View` of the decision has under this name, as `bot.trading.contract.Later`."""
        if name == "equity":
            return self.money.worth([self.own, *self.others])
        if name == "entry":
            account = self.own.numbers
            return entry_price(account[POSITION], account[COST], self.instrument, self.twice_mid)
        if name == "fills":
            return tuple(self._fill(entry) for entry in self.fills)
        rows = np.frombuffer(self.orders, np.int64).reshape(-1, ORDER).tolist()
        return open_orders(rows, self.label, self.instrument, self.twice_mid)

    def _fill(self, entry: list[int]) -> Fill:
        fill = self.money.fill(self.instrument, entry, self.label)
        return mirrored(fill, self.twice_mid, self.instrument) if self.twice_mid else fill
