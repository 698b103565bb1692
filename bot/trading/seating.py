"""Build the desks of a run and let each hear what the others say: signals such as `ofi(1s)@BTC/USDT`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from bot.errors import ConfigError
from bot.market.custom import Making
from bot.market.guests import AGE, asked_of, guests_in
from bot.market.market import Market
from bot.market.plugged import compiled_names
from bot.market.signals.forecast import ForecastSpec
from bot.nearest import did_you_mean
from bot.trading.desk import Desk, Guest
from bot.types import Instrument

_NOTHING_OWN: Final[Mapping[str, Making]] = MappingProxyType({})


def seated_desks(
    instruments: Sequence[Instrument],
    names: Sequence[str],
    forecast: ForecastSpec | None,
    own: Mapping[str, Making] = _NOTHING_OWN,
    *,
    everyday: bool = True,
) -> dict[str, Desk]:
    """Return one desk an instrument, by symbol; each market's row begins with `names`, what others ask of it follows.

    `own` makes the signals of the user's own, by their names. Without `everyday` the kernels of all are those of all
    signals, whatever each is asked for.

    Raises:
        ConfigError: a name is not that of a signal, a forecast does not fit, or a guest is of an instrument that is not
            among these.
    """
    symbols = tuple(instrument.symbol for instrument in instruments)
    wanted = compiled_names((*names, *(forecast.features if forecast is not None else ())), own)
    rows: dict[str, tuple[str, ...]] = {}
    for symbol in symbols:
        heard = guests_in(wanted, "")  # by the others: on its own market a name of its own is no guest
        rows[symbol] = tuple(dict.fromkeys((*names, *asked_of(symbol, heard))))
    desks = {
        each.symbol: Desk(Market(each, rows[each.symbol], forecast, own, everyday=everyday)) for each in instruments
    }
    for desk in desks.values():
        for spec in desk.market.guests:
            if spec.symbol not in desks:
                near = did_you_mean(spec.symbol, symbols)
                raise ConfigError(
                    f"{spec.name!r} should name a symbol of exchange.symbols, {spec.symbol!r} is none{near}"
                )
        desk.guests = tuple(
            Guest(desks[spec.symbol], rows[spec.symbol].index(spec.said), rows[spec.symbol].index(AGE))
            for spec in desk.market.guests
        )
    return desks
