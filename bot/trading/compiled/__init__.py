"""Strategies as machine code: the same source, translated, and the proof that it answers the same."""

from bot.trading.compiled.sighted import CompiledStrategy, answered, seen, spoken
from bot.trading.compiled.translation import Site, Translation, translate

__all__ = ["CompiledStrategy", "Site", "Translation", "answered", "seen", "spoken", "translate"]
