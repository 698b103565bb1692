"""The exchange without its server: market, accounts and streams put together, and the one turn that moves them.

Wall time and virtual time make the same turns of the same length, so they are the same market.
"""

from __future__ import annotations

from typing import Final

from bot.errors import UserError
from bot.exchange.accounts.account import Account
from bot.exchange.digest import Digest
from bot.exchange.exchange import Exchange
from bot.exchange.faults.accidents import AccountFaults
from bot.exchange.faults.plan import FaultPlan
from bot.exchange.faults.wire import WireFaults
from bot.exchange.markets.catalogue import quotations
from bot.exchange.markets.flow import FlowSettings
from bot.exchange.markets.synthetic import SyntheticMarket
from bot.exchange.process import ExchangeSettings
from bot.exchange.rest import private, public
from bot.exchange.server import Market
from bot.exchange.streams.connection import StreamSettings
from bot.exchange.streams.hub import Streams

STEP_MS: Final = 50  # a book that changes 20 times a second looks continuous to whoever polls it
_STEP_S: Final = STEP_MS / 1000


class Floor:
    """One exchange on a market. Nothing moves but by `turn`."""

    def __init__(self, settings: ExchangeSettings, market: Market) -> None:
        self.market = market
        accounts = {one.key: Account.of(number, one) for number, one in enumerate(settings.keys, start=1)}
        self.exchange = Exchange(market.listings, accounts, settings.funding_every_s)
        paths = (path for _, path in (*public.routes(), *private.routes()))
        self.faults = FaultPlan(settings.seed, paths, market.listings, accounts)
        streaming = StreamSettings(listen_key_life_s=settings.listen_key_life_s)
        self.streams = Streams(self.exchange, WireFaults(self.faults), streaming)
        self.accidents = AccountFaults(self.faults, self.exchange, self.streams.expire)
        self.digest = Digest(self.exchange)

    def turn(self, wall_ms: int) -> int:
        """Let the market live on for `STEP_MS` and do all that follows from it; market time in ms comes back."""
        self.market.advance(_STEP_S)
        now_ms = self.market.time_ms(wall_ms)
        for listing in self.market.listings.values():
            self.exchange.settle(listing, now_ms)
        self.faults.now_ms = now_ms
        self.accidents.tend()
        self.exchange.tend(now_ms)
        self.streams.publish(now_ms)
        self.tell()
        return now_ms

    def tell(self) -> None:
        """Tell the accounts' owners what happened to them."""
        self.streams.notify(self.exchange.take_notices())

    def digests(self) -> dict[str, str]:
        """Hashes of what happened so far: `tape` over every public trade, `accounts` over all that accounts own."""
        return {"tape": self.digest.tape(), "accounts": self.digest.accounts()}


def synthetic_market(settings: ExchangeSettings) -> SyntheticMarket:
    """The synthetic market that settings describe, before its first step.

    Raises:
        UserError: a symbol is not one that can be listed.
    """
    flow = FlowSettings(alpha=settings.alpha, lean_life_s=settings.alpha_horizon_s, step_s=_STEP_S)
    return SyntheticMarket(quotations(settings.symbols), settings.seed, flow)


def replay_market(settings: ExchangeSettings) -> Market:
    """The tape that settings name, at its beginning.

    Raises:
        UserError: settings name no tape or a state folder too, or the tape cannot be replayed.
    """
    if settings.tape is None:
        raise UserError("a replay should name its tape, named none")
    if settings.state_folder is not None:
        raise UserError("a replayed market starts at its tape's beginning; leave out the state folder")
    # Reading tapes loads pyarrow, which takes longer than the synthetic market needs to start.
    from bot.exchange.markets.replay import ReplayMarket

    return ReplayMarket(settings.tape, settings.speed)
