"""The symbols a synthetic market can list: plausible prices, ticks and lots, so that users recognise what they see."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from bot.errors import UserError
from bot.nearest import did_you_mean
from bot.types import Instrument, InstrumentKind

# base, price in USDT, tick, lot, least order value in USDT
_KNOWN: Final = (
    ("BTC", "60000", "0.1", "0.001", "50"),
    ("ETH", "3000", "0.01", "0.001", "20"),
    ("SOL", "150", "0.01", "0.01", "5"),
    ("XRP", "0.55", "0.0001", "0.1", "5"),
    ("BNB", "580", "0.01", "0.01", "5"),
    ("DOGE", "0.12", "0.00001", "1", "5"),
    ("ADA", "0.42", "0.0001", "1", "5"),
    ("AVAX", "27", "0.001", "1", "5"),
    ("LINK", "13.5", "0.001", "0.01", "20"),
    ("DOT", "6.1", "0.001", "0.1", "5"),
    ("LTC", "72", "0.01", "0.001", "20"),
    ("BCH", "370", "0.01", "0.001", "20"),
    ("TRX", "0.13", "0.00001", "1", "5"),
    ("UNI", "7.4", "0.001", "1", "5"),
    ("ATOM", "6.4", "0.001", "0.01", "5"),
    ("NEAR", "5.3", "0.001", "1", "5"),
    ("APT", "7", "0.001", "0.1", "5"),
    ("ARB", "0.71", "0.0001", "0.1", "5"),
    ("OP", "1.8", "0.0001", "0.1", "5"),
    ("FIL", "4.6", "0.001", "0.1", "5"),
    ("ETC", "21", "0.001", "0.01", "20"),
    ("SUI", "0.9", "0.0001", "0.1", "5"),
    ("INJ", "22", "0.001", "0.1", "5"),
    ("AAVE", "95", "0.01", "0.1", "5"),
)
# How busy a symbol is, how volatile and how deep, and what its touch holds: see Quotation.
_TEMPERS: Final = {
    "BTC": (1, 1, 1, 8),
    "ETH": (0.95, 1.05, 0.8, 7),
    "SOL": (0.6, 1.1, 0.4, 4),
    "XRP": (0.4, 1.0, 0.5, 2.5),
    "BNB": (0.3, 0.9, 0.4, 5),
    "DOGE": (0.35, 1.1, 0.4, 2.5),
    "ADA": (0.2, 1.05, 0.3, 2),
    "AVAX": (0.18, 1.1, 0.2, 3),
    "LINK": (0.2, 1.08, 0.2, 3),
    "DOT": (0.12, 1.05, 0.2, 2),
    "LTC": (0.15, 1, 0.25, 2.5),
    "BCH": (0.12, 1.05, 0.2, 4),
}
_QUIET: Final = (0.09, 1.05, 0.15, 2.5)
_MORE_THAN_ANYONE_NEEDS: Final = 200


@dataclass(frozen=True, slots=True)
class Quotation:
    """An instrument, the price in ticks its synthetic market is anchored to, and the temper of that market.

    `activity`, `volatility` and `depth` are multiples of what the flow's settings say; `touch` is the size of the best
    level over that of the next ones.
    """

    instrument: Instrument
    anchor_ticks: int
    activity: float = 1.0
    volatility: float = 1.0
    depth: float = 1.0
    touch: float = 8.0


def quotations(wanted: tuple[str, ...] | int) -> tuple[Quotation, ...]:
    """Instruments by ccxt's unified names (`BTC/USDT:USDT`), or the first so many of the catalogue.

    Behind the known ones stand made-up tokens (`TOKEN25/USDT:USDT` and on), at 10 USDT with a tick of 0.001 and a lot
    of 0.1: enough of them for any test of load.

    Raises:
        UserError: a name is not in the catalogue, a name stands twice, or there are none or too many.
    """
    if isinstance(wanted, int):
        if not 1 <= wanted <= _MORE_THAN_ANYONE_NEEDS:
            raise UserError(f"the number of symbols should be 1 to {_MORE_THAN_ANYONE_NEEDS}, was {wanted}")
        return tuple(_quotation(base) for base in _bases()[:wanted])
    if not wanted or len(set(wanted)) < len(wanted):
        raise UserError(f"symbols should be one or more different names, was {', '.join(wanted) or 'nothing'}")
    return tuple(_quotation(_base(name)) for name in wanted)


def _bases() -> list[str]:
    return [row[0] for row in _KNOWN] + [f"TOKEN{n}" for n in range(len(_KNOWN) + 1, _MORE_THAN_ANYONE_NEEDS + 1)]


def _base(name: str) -> str:
    base, slash, rest = name.partition("/")
    if not (slash and base.isalnum() and base.isupper() and rest == "USDT:USDT"):
        raise UserError(f"a symbol should look like BTC/USDT:USDT, was {name!r}")
    if base not in _bases():
        # A typing mistake should not trade an invented market.
        nearest = did_you_mean(name, (f"{row[0]}/USDT:USDT" for row in _KNOWN))
        raise UserError(f"the local exchange lists no {name}{nearest}")
    return base


def _quotation(base: str) -> Quotation:
    known = {row[0]: row[1:] for row in _KNOWN}
    price, tick, lot, least = (Decimal(text) for text in known.get(base, ("10", "0.001", "0.1", "5")))
    instrument = Instrument(
        symbol=f"{base}/USDT:USDT",
        kind=InstrumentKind.LINEAR,
        base=base,
        quote="USDT",
        tick_size=tick,
        lot_size=lot,
        min_notional=least,
    )
    return Quotation(instrument, instrument.ticks(price), *_TEMPERS.get(base, _QUIET))
