"""Virtual time: a market that stands still and moves only by the steps that are asked for.

Hours pass in seconds, and every stamp is the same in every run. `VirtualExchange` needs no socket; the server moves its
market by the same `Stepper` when it runs in virtual time.
"""

from __future__ import annotations

import asyncio
from typing import Final

from bot.exchange.accounts.account import Account, OwnOrder
from bot.exchange.exchange import Exchange, Ticket
from bot.exchange.floor import STEP_MS, Floor, replay_market, synthetic_market
from bot.exchange.listing import Listing
from bot.exchange.process import ExchangeSettings
from bot.exchange.refusal import Code, Refusal
from bot.exchange.server import Market

EPOCH_MS: Final = 1_767_225_600_000  # 2026-01-01 00:00 UTC, a time that funding at any usual interval is due
LONGEST_ADVANCE_MS: Final = 3_600_000  # nothing else is answered meanwhile


class SteppedTime:
    """A market whose time goes with its steps, from `start_ms` (ms since 1970), whatever the wall says."""

    def __init__(self, market: Market, start_ms: int = EPOCH_MS) -> None:
        self.listings: dict[str, Listing] = market.listings
        self.ended = market.ended
        self._market = market
        self._now_ms = start_ms

    def time_ms(self, wall_ms: int) -> int:
        """Market time in ms since 1970."""
        return self._now_ms

    def advance(self, elapsed_s: float) -> int:
        """Let the market live on for so many seconds; how often it moved comes back."""
        self._now_ms += round(elapsed_s * 1000)
        moved = self._market.advance(elapsed_s)
        self.ended = self._market.ended
        return moved


class Stepper:
    """Moves a floor by whole turns; what is left of a request shorter than a turn counts towards the next."""

    def __init__(self, floor: Floor) -> None:
        self._floor = floor
        self._left_ms = 0

    async def live(self, stop: asyncio.Event) -> None:
        """Stand still until `stop` is set."""
        await stop.wait()

    def advance(self, elapsed_ms: int) -> int:
        """Let the market live on for 0 to `LONGEST_ADVANCE_MS` ms; market time in ms since 1970 comes back.

        Raises:
            Refusal: INVALID_PARAMETER, `elapsed_ms` is out of range.
        """
        if not 0 <= elapsed_ms <= LONGEST_ADVANCE_MS:
            words = f"A virtual market is advanced by 0 to {LONGEST_ADVANCE_MS} ms at a time, was {elapsed_ms}."
            raise Refusal(Code.INVALID_PARAMETER, words)
        turns, self._left_ms = divmod(self._left_ms + elapsed_ms, STEP_MS)
        for _ in range(turns):
            self._floor.turn(0)
        # To be saved before the time is told: after a kill no new time may lie before it.
        self._floor.exchange.dirty = True
        return self._floor.market.time_ms(0)

    def digest(self) -> dict[str, str]:
        """Hashes of what happened so far: `tape` and `accounts`."""
        return self._floor.digests()


class VirtualExchange:
    """A whole exchange in this process, in virtual time: the same market and accounts as the server's with `virtual`.

    It has made its first turn, so there is a book. `settings.state_folder` is not used.

    Raises:
        UserError: a symbol or the tape is wrong.
    """

    def __init__(self, settings: ExchangeSettings) -> None:
        market = SteppedTime(synthetic_market(settings)) if settings.tape is None else replay_market(settings)
        self._floor = Floor(settings, market)
        self._stepper = Stepper(self._floor)
        self._floor.turn(0)

    @property
    def exchange(self) -> Exchange:
        """Listings and accounts."""
        return self._floor.exchange

    @property
    def now_ms(self) -> int:
        """Market time in ms since 1970."""
        return self._floor.market.time_ms(0)

    def account(self, key: str = "local") -> Account:
        """The account of a key.

        Raises:
            KeyError: no account has it.
        """
        return self.exchange.accounts[key]

    def advance(self, elapsed_ms: int) -> int:
        """Let the market live on for so many ms >= 0; market time in ms since 1970 comes back."""
        while elapsed_ms > LONGEST_ADVANCE_MS:
            self._stepper.advance(LONGEST_ADVANCE_MS)
            elapsed_ms -= LONGEST_ADVANCE_MS
        return self._stepper.advance(elapsed_ms)

    def place(self, ticket: Ticket, key: str = "local") -> OwnOrder:
        """Place an order now.

        Raises:
            Refusal: as `Exchange.place` says.
        """
        own = self.exchange.place(self.account(key), ticket, self.now_ms)
        self._floor.tell()
        return own

    def cancel(self, own: OwnOrder, key: str = "local") -> OwnOrder:
        """Cancel an open order now.

        Raises:
            Refusal: CANCEL_REJECTED, the order is closed already.
        """
        self.exchange.cancel(self.account(key), own, self.now_ms)
        self._floor.tell()
        return own

    def digest(self) -> dict[str, str]:
        """Hashes of what happened so far: `tape` over every public trade, `accounts` over all that accounts own."""
        return self._stepper.digest()
