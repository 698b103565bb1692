"""Where a strategy stands among its placebos: the same strategy, with the sign of its lean flipped at random."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

PREFIX: Final = "placebo-"
COMPARED: Final = "queue"
"""The lane whose fills are modelled as those of the placebos are."""


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


def placed(nets: Mapping[str, Decimal]) -> Placebos | None:
    """Return where the strategy stands, given the net P&L of every lane; None without placebos."""
    chance: Sequence[Decimal] = [net for lane, net in nets.items() if is_placebo(lane)]
    own = [lane for lane in nets if not is_placebo(lane)]
    if not chance or not own:
        return None
    lane = COMPARED if COMPARED in own else own[0]
    net = nets[lane]
    rank = 1 + sum(each > net for each in chance)
    at_least = 1 + sum(each >= net for each in chance)
    return Placebos(lane, net, tuple(chance), rank, at_least / (len(chance) + 1))
