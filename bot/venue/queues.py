"""Name the queue models of a paper venue: who is taken to have cancelled when a level shrinks."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from bot.market.matching import layout

_POWER: Final = re.compile(r"power\(\s*(\d+(?:\.\d+)?)\s*\)")
_STEEPEST: Final = 10.0


@dataclass(frozen=True, slots=True)
class QueueModel:
    """Who is taken to have cancelled when a level shrinks by more than what traded; `exponent` counts for power."""

    code: int
    exponent: float = 1.0

    @property
    def text(self) -> str:
        """The model as it is named in config.toml."""
        return _NAMES.get(self.code, f"power({self.exponent:g})")


RISK_AVERSE: Final = QueueModel(layout.RISK_AVERSE)
UNIFORM: Final = QueueModel(layout.UNIFORM)
_MODELS: Final = {"risk_averse": layout.RISK_AVERSE, "uniform": layout.UNIFORM, "log": layout.LOGARITHMIC}
_NAMES: Final = {code: name for name, code in _MODELS.items()}


def queue_model(text: str) -> QueueModel:
    """Return the model that `risk_averse`, `uniform`, `log` or `power(N)` names.

    Raises:
        ValueError: it is none of these, or N is not above 0 and at most 10.
    """
    if text in _MODELS:
        return QueueModel(_MODELS[text])
    power = _POWER.fullmatch(text)
    exponent = float(power[1]) if power is not None else 0.0
    if not 0 < exponent <= _STEEPEST:
        raise ValueError('should be "risk_averse", "uniform", "log" or "power(N)" with N above 0 and at most 10')
    return QueueModel(layout.POWER, exponent)
