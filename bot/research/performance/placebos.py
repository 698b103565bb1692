"""Where a strategy stands among its placebos: the same strategy, with the sign of its lean flipped at random."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

PREFIX: Final = "placebo-"
_COMPARED: Final = "queue"


@dataclass(frozen=True, slots=True)
class Placebos:
    """Net P&L of a lane among those of its placebos, in quote currency.

    `rank` is 1 for the best of all `len(nets) + 1`. `p` is the share of all, itself included, that earned at least as
    much, in (0, 1]: how likely chance alone brings so much, as precise as the number of placebos allows.
    """

    lane: str
    net: Decimal
    nets: tuple[Decimal, ...]
    rank: int
    p: float

    @property
    def last_rank(self) -> int:
        """Its rank behind all that earned the same, from `rank` on: on a short tape many twins do just what it does."""
        return 1 + sum(each >= self.net for each in self.nets)


def is_placebo(lane: str) -> bool:
    """Return True for the lane of a placebo."""
    return lane.startswith(PREFIX)


def compared(lanes: Sequence[str]) -> str:
    """Return which of a run's lanes is compared with its placebos, whose orders fill as that lane's do."""
    return _COMPARED if _COMPARED in lanes else lanes[0]


def placed(nets: Mapping[str, Decimal]) -> Placebos | None:
    """Return where the strategy stands, given the net P&L of every lane; None without placebos."""
    chance: Sequence[Decimal] = [net for lane, net in nets.items() if is_placebo(lane)]
    own = [lane for lane in nets if not is_placebo(lane)]
    if not chance or not own:
        return None
    lane = compared(own)
    net = nets[lane]
    rank = 1 + sum(each > net for each in chance)
    at_least = 1 + sum(each >= net for each in chance)
    return Placebos(lane, net, tuple(chance), rank, at_least / (len(chance) + 1))
