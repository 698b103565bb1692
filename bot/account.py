"""Where a run begins: what each lane owns, from the runs before it, and how a replay finds the same again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final

from bot.errors import UserError
from bot.trading.portfolio import Portfolio, Position, tick_lots
from bot.types import Instrument
from storage.lanes import LaneState

_NO_VOLUMES: Final[Mapping[int, Decimal]] = MappingProxyType({})


def portfolio_of(
    state: LaneState, instruments: Sequence[Instrument], volumes: Mapping[int, Decimal] = _NO_VOLUMES
) -> Portfolio:
    """Build a lane's portfolio from what was stored; `volumes` is what it traded on each UTC day, in quote currency.

    Raises:
        UserError: the grid of an instrument changed under an open position.
    """
    held = {holding.symbol: holding for holding in state.holdings}
    positions: dict[str, Position] = {}
    carried = state.realised
    for instrument in instruments:
        holding = held.get(instrument.symbol)
        if holding is None:
            continue
        carried -= holding.realised
        positions[instrument.symbol] = Position(
            lots=_lots(instrument, holding.size),
            cost=tick_lots(instrument, holding.entry_cost),
            realised=tick_lots(instrument, holding.realised),
        )
    opening = state.cash - state.realised + state.fees - state.funding
    return Portfolio(
        instruments={instrument.symbol: instrument for instrument in instruments},
        opening=opening,
        carried=carried,
        positions=positions,
        fees=state.fees,
        funding=state.funding,
        peak=state.peak_equity,
        day=state.day,
        day_equity=state.day_equity,
        volumes=dict(volumes),
    )


def _lots(instrument: Instrument, size: Decimal) -> int:
    try:
        return instrument.lots(size)
    except ValueError as error:
        raise UserError(
            f"{error}: the grid changed under an open position; start a new account with --fresh"
        ) from error


def untraded(state: LaneState, instruments: Sequence[Instrument]) -> Mapping[str, Decimal]:
    """Return the open positions (base currency) in instruments that this run does not trade."""
    traded = {instrument.symbol for instrument in instruments}
    return {held.symbol: held.size for held in state.holdings if held.lots and held.symbol not in traded}


def described(portfolio: Portfolio) -> dict[str, Any]:
    """Return a portfolio at a run's beginning as JSON-able values, from which `rebuilt` makes an equal one."""
    money = ("opening", "carried", "fees", "funding", "peak", "day_equity")
    return {name: str(getattr(portfolio, name)) for name in money} | {
        "day": portfolio.day,
        "volumes": {str(day): str(traded) for day, traded in portfolio.volumes.items()},
        "positions": {symbol: asdict(position) for symbol, position in portfolio.positions.items()},
    }


def rebuilt(text: Mapping[str, Any], instruments: Sequence[Instrument]) -> Portfolio:
    """Return the portfolio that `described` described."""
    return Portfolio(
        instruments={instrument.symbol: instrument for instrument in instruments},
        positions={symbol: Position(**numbers) for symbol, numbers in text["positions"].items()},
        opening=Decimal(text["opening"]),
        carried=Decimal(text["carried"]),
        fees=Decimal(text["fees"]),
        funding=Decimal(text["funding"]),
        peak=Decimal(text["peak"]),
        day=int(text["day"]),
        day_equity=Decimal(text["day_equity"]),
        # Runs before there were fee tiers didn't say.
        volumes={int(day): Decimal(traded) for day, traded in text.get("volumes", {}).items()},
    )
