"""API keys: each one is an account of its own, with what it may do."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key, its secret, the cash its account opens with in USDT, and its rights as the exchange would tell them."""

    key: str
    secret: str = field(repr=False)
    cash: Decimal = Decimal(10_000)
    may_trade: bool = True
    may_withdraw: bool = False
    is_ip_restricted: bool = True
