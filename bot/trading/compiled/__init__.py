"""Strategies as machine code: the same source, translated, and the proof that it answers the same."""

from bot.trading.compiled.probation import Form, fault_of, form_of, unless_slower
from bot.trading.compiled.sighted import CompiledStrategy, answered, seen, spoken
from bot.trading.compiled.translation import Site, Translation, translate

__all__ = [
    "CompiledStrategy",
    "Form",
    "Site",
    "Translation",
    "answered",
    "fault_of",
    "form_of",
    "seen",
    "spoken",
    "translate",
    "unless_slower",
]
