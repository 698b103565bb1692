"""The whole gate against a stream of hostile intents: no limit is ever exceeded by one lot.

A small account keeps every open order at its full size, fills, cancels and loses track of orders in between, and an
independent count in whole numbers checks what the gate let pass.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.types import NS_PER_MS, NS_PER_S, Denial, HaltState, Intent, Side
from risk.conditions import PriceCollar, SpreadGate
from risk.limits import HaltGate, Limit, MaxOpenOrders, MaxOrderNotional, MaxPosition, OrdersPerSecond, check_all
from risk.losses import DailyLoss, Drawdown
from tests.risk.standings import BTC, NOON_NS, intent, standing

MAX_POSITION_LOTS, MAX_ORDER_LOTS, MAX_OPEN, MAX_RATE, COLLAR_TICKS = 20, 10, 6, 5, 10_000
NAN: Any = float("nan")
SIZES: list[Any] = [1, 2, 5, 10, 11, 20, 21, 1_000_000_000, 0, -3, NAN, Decimal("NaN"), 2.5, 2**70]
PRICES: list[Any] = [1_000_000, 999_000, 1_010_000, 1_010_001, 990_000, 989_999, 800_000, 1_200_000, 0, -1, NAN]


def gate() -> tuple[Limit, ...]:
    """Every limit, set so that one lot (100 USDT at the mid) is the unit of the bounds above."""
    return (
        HaltGate(),
        SpreadGate(Decimal(20)),
        PriceCollar(Decimal(100)),
        MaxOrderNotional(Decimal(1000)),
        MaxOpenOrders(MAX_OPEN),
        MaxPosition(Decimal(2000)),
        DailyLoss(Decimal("0.05")),
        Drawdown(Decimal("0.1")),
        OrdersPerSecond(MAX_RATE),
    )


@dataclass
class Account:
    """What could be at the exchange: a position, and orders of which nothing is known but that they were sent."""

    limits: tuple[Limit, ...] = field(default_factory=gate)
    now_ns: int = NOON_NS
    position: int = 0
    equity: Decimal = Decimal(10_000)
    halt: HaltState = HaltState.ACTIVE
    open: list[Intent] = field(default_factory=list)
    sent_ns: list[int] = field(default_factory=list)
    denied: Counter[str] = field(default_factory=Counter)

    def open_lots(self, side: Side) -> int:
        """All lots that may still fill on one side."""
        return sum(order.lots for order in self.open if order.side is side)

    def try_to_send(self, wanted: Intent) -> Denial | None:
        """Ask the gate; what passes is open at full size from then on."""
        now = standing(
            position_lots=self.position,
            open_buy_lots=self.open_lots(Side.BUY),
            open_sell_lots=self.open_lots(Side.SELL),
            open_orders=len(self.open),
            equity=self.equity,
            halt=self.halt,
        )
        denial = check_all(self.limits, wanted, now)
        if denial is None:
            self.check_bounds(wanted)
            self.open.append(wanted)
            self.sent_ns.append(self.now_ns)
        else:
            self.denied[denial.limit] += 1
        return denial

    def check_bounds(self, sent: Intent) -> None:
        """Count again, without the code under test, what the gate let pass."""
        before = sent.side.sign * self.position + self.open_lots(sent.side)
        worst = before + sent.lots
        assert sent.symbol == BTC.symbol
        assert worst <= MAX_POSITION_LOTS
        assert worst - max(before, 0) <= MAX_ORDER_LOTS
        # An exit is measured from the touch it trades at, which lies five ticks off the mid.
        assert abs(sent.price_ticks - 1_000_000) <= COLLAR_TICKS + (5 if worst <= 0 else 0)
        assert len(self.open) < MAX_OPEN
        assert sum(at > self.now_ns - NS_PER_S for at in self.sent_ns) < MAX_RATE
        assert self.halt is not HaltState.HALTED
        if self.halt is HaltState.REDUCING or self.equity <= 9500:
            assert worst <= 0

    def resolve(self, index: int, filled: bool) -> None:
        """Fill or cancel one open order."""
        if self.open:
            order = self.open.pop(index % len(self.open))
            self.position += order.side.sign * order.lots if filled else 0


def play(account: Account, rng: random.Random) -> None:
    """One random step: time passes, an order ends, equity or the halt state changes, an intent is tried."""
    account.now_ns += rng.choice([0, 1, 50, 100, 300, 1000]) * NS_PER_MS
    for _ in range(rng.choice([0, 0, 1, 2])):
        account.resolve(rng.randrange(100), rng.random() < 0.6)
    account.equity = Decimal(rng.choices([10_000, 9_501, 9_500, 8_000], [20, 3, 2, 1])[0])
    account.halt = rng.choices(list(HaltState), [20, 2, 1])[0]
    symbol = rng.choices([BTC.symbol, "ETH/USDT:USDT"], [20, 1])[0]
    sizes = rng.choices(SIZES, [8, 8, 8, 8, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1])[0]
    prices = rng.choices(PRICES, [20, 10, 5, 1, 5, 1, 1, 1, 1, 1, 1])[0]
    account.try_to_send(intent(rng.choice(list(Side)), sizes, prices, symbol=symbol, local_ns=account.now_ns))
    assert abs(account.position) <= MAX_POSITION_LOTS


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_no_limit_is_exceeded_by_one_lot_in_short_streams(seed: int) -> None:
    account, rng = Account(), random.Random(seed)
    for _ in range(50):
        play(account, rng)


def test_no_limit_is_exceeded_by_one_lot_in_twenty_thousand_hostile_intents() -> None:
    account, rng = Account(), random.Random(13)
    for _ in range(20_000):
        play(account, rng)

    assert len(account.sent_ns) > 1_000
    reached = {"sane", "halt", "price_collar", "max_order", "max_open_orders", "max_position", "max_daily_loss"}
    assert reached | {"orders_per_second"} <= set(account.denied)


def test_an_exit_passes_whatever_was_lost_and_however_wide_the_spread() -> None:
    torn = standing(position_lots=90, equity=Decimal(1), bid_ticks=900_000, ask_ticks=1_100_000)

    assert check_all(gate(), intent(Side.SELL, lots=90), torn) is None
    assert check_all(gate(), intent(Side.BUY, lots=1), torn) is not None


def test_the_same_intents_get_the_same_answers() -> None:
    outcomes = []
    for _ in range(2):
        account, rng = Account(), random.Random(5)
        for _ in range(500):
            play(account, rng)
        outcomes.append((account.denied, account.sent_ns, account.position))

    assert outcomes[0] == outcomes[1]
