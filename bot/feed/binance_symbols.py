"""Names and kinds of Binance instruments: from `BTCUSDT` on a market to ccxt's `BTC/USDT:USDT`."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum, unique
from typing import Final

from bot.errors import UserError
from bot.types import Instrument, InstrumentKind


@unique
class Market(StrEnum):
    """A market of Binance: USDⓈ-M futures, COIN-M futures or spot."""

    USDM = "usdm"
    CM = "cm"
    SPOT = "spot"


# Longest first where one ends another: FDUSD before USD.
_QUOTES: Final = (
    *("FDUSD", "USDT", "USDC", "BUSD", "TUSD", "USDP", "USD1", "DAI", "BTC", "ETH", "BNB", "EUR", "GBP", "TRY", "BRL"),
    *("JPY", "AUD", "RUB", "UAH", "ZAR", "MXN", "ARS", "PLN", "RON", "CZK", "COP", "IDR", "NGN", "USD"),
)
_KINDS: Final = {
    Market.USDM: InstrumentKind.LINEAR,
    Market.CM: InstrumentKind.INVERSE,
    Market.SPOT: InstrumentKind.SPOT,
}
_PERPETUAL: Final = "_PERP"


def instrument_named(name: str, market: Market, tick_size: Decimal, lot_size: Decimal) -> Instrument:
    """Build the instrument that Binance calls `name`, spot or perpetual.

    Raises:
        UserError: the quote currency is unknown, or the name is that of a delivery contract.
    """
    pair = name.removesuffix(_PERPETUAL) if market is Market.CM else name
    if "_" in pair:
        raise UserError(f"{name} should be a perpetual or spot, was a delivery contract: leave its files out")
    quote = next((quote for quote in _QUOTES if pair.endswith(quote) and pair != quote), None)
    if quote is None:
        raise UserError(
            f"{name} should end in a known quote currency such as USDT, USDC or BTC: add it to the importer"
        )
    base = pair.removesuffix(quote)
    settled = {Market.USDM: f":{quote}", Market.CM: f":{base}", Market.SPOT: ""}[market]
    return Instrument(
        symbol=f"{base}/{quote}{settled}",
        kind=_KINDS[market],
        base=base,
        quote=quote,
        tick_size=tick_size,
        lot_size=lot_size,
        contract_size=_contract_size(base, market),
    )


def _contract_size(base: str, market: Market) -> Decimal:
    if market is not Market.CM:
        return Decimal(1)
    return Decimal(100) if base == "BTC" else Decimal(10)  # US dollars a contract
