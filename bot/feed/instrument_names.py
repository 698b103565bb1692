"""From a symbol as a person writes it to an instrument: what it is quoted and settled in, and hence its kind."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from bot.errors import UserError
from bot.feed.binance_symbols import Market, instrument_named
from bot.types import Instrument, InstrumentKind

_SYMBOL: Final = re.compile(r"(?P<base>[^/:\s]+)/(?P<quote>[^/:\s-]+)(:(?P<settle>[^/:\s-]+))?")


@dataclass(frozen=True, slots=True)
class InstrumentName:
    """An instrument without its grid; `contract_size` is as in `Instrument`."""

    symbol: str
    kind: InstrumentKind
    base: str
    quote: str
    contract_size: Decimal = Decimal(1)

    def instrument(self, tick_size: Decimal, lot_size: Decimal) -> Instrument:
        """Put the instrument on a grid."""
        return Instrument(
            symbol=self.symbol,
            kind=self.kind,
            base=self.base,
            quote=self.quote,
            tick_size=tick_size,
            lot_size=lot_size,
            contract_size=self.contract_size,
        )


@dataclass(frozen=True, slots=True)
class Naming:
    """What a person says of the one instrument that is imported; None leaves it to the files."""

    symbol: str | None = None
    kind: InstrumentKind | None = None
    tick_size: Decimal | None = None
    lot_size: Decimal | None = None
    contract_size: Decimal | None = None

    @property
    def says_nothing(self) -> bool:
        """True when all is left to the files."""
        return self == Naming()

    def name(self) -> InstrumentName:
        """Return the instrument that was named; raises `UserError` when none was."""
        if self.symbol is None:
            raise UserError("--symbol is needed, since the files don't say it: for example --symbol BTC/USDT:USDT")
        return named(self.symbol, self.kind, self.contract_size)


def named(symbol: str, kind: InstrumentKind | None = None, contract_size: Decimal | None = None) -> InstrumentName:
    """Read a symbol such as `BTC/USDT:USDT`; `kind` None takes it from what follows the colon (nothing: spot).

    Raises:
        UserError: it is no such symbol, or `kind` says something else than it does.
    """
    match = _SYMBOL.fullmatch(symbol)
    if match is None:
        raise UserError(f"--symbol should be such as BTC/USDT (spot) or BTC/USDT:USDT (perpetual), was {symbol!r}")
    base, quote, settle = match["base"], match["quote"], match["settle"]
    said = {None: None, quote: InstrumentKind.LINEAR, base: InstrumentKind.INVERSE}.get(settle, InstrumentKind.LINEAR)
    if said is None and kind in (InstrumentKind.LINEAR, InstrumentKind.INVERSE):
        symbol = f"{symbol}:{quote if kind is InstrumentKind.LINEAR else base}"
    elif said is not None and kind not in (None, said):
        raise UserError(f"--kind should be {said}, as --symbol {symbol} says, was {kind}: change one of them")
    if contract_size is not None and not (contract_size.is_finite() and contract_size > 0):
        raise UserError(f"--contract-size should be above 0, was {contract_size}")
    return InstrumentName(symbol, kind or said or InstrumentKind.SPOT, base, quote, contract_size or Decimal(1))


def named_by_binance(name: str, market: Market) -> InstrumentName:
    """Read Binance's own name of an instrument, such as `BTCUSDT`; raises `UserError` when it can't be read."""
    known = instrument_named(name, market, Decimal(1), Decimal(1))
    return InstrumentName(known.symbol, known.kind, known.base, known.quote, known.contract_size)
