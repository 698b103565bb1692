"""Decides whether lanes ask a strategy as machine code: one that promises nothing is put on probation first.

What can be translated is pure, so its machine code is the same by construction. What construction cannot see (a
constant of the class that each instance changes, a fault of the translation) shows when both answer the same views.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from random import Random
from typing import Any, Final

from bot.errors import NotCompilable
from bot.market.calling import is_kept
from bot.trading.compiled.sighted import CompiledStrategy
from bot.trading.compiled.translation import translate
from bot.trading.compiled.twins import asking, difference_of, tried
from bot.trading.compiled.views import Span, made_views, near, span_of
from bot.trading.loading import LoadedStrategy
from bot.trading.signal_loading import is_own

VIEWS: Final = 300
"""Made-up views that both answer: some hundredths of a second."""

CALLS: Final = 150_000
"""So many calls of a strategy in plain Python take longer than to compile it, which is two seconds or so."""

_SEED: Final = 3


@dataclass(frozen=True, slots=True)
class Form:
    """How lanes ask a strategy: `code`, without one plain Python; `fault` is what the user is to be told of that."""

    code: CompiledStrategy | None
    fault: str = ""


def form_of(loaded: LoadedStrategy, params: Mapping[str, Any]) -> Form:
    """Return a strategy as machine code if it says that it can be, or says nothing, can be, and passes its probation.

    Raises:
        ConfigError: a parameter does not fit.
        NotCompilable: it says that it can be, and cannot.
    """
    promise = loaded.cls.compiled
    if not (loaded.translates if promise is None else promise):
        return Form(None)
    try:
        code = CompiledStrategy.of(loaded.build(params), loaded.source)
    except NotCompilable:
        if promise:
            raise
        return Form(None)
    fault = "" if promise else _fault(_Case(loaded, code.translation.text, code, params))
    return Form(None if fault else code, fault)


def fault_of(loaded: LoadedStrategy, params: Mapping[str, Any]) -> str:
    """Return the line that tells a user that a strategy failed its probation; empty when there is nothing to tell.

    Raises:
        ConfigError: a parameter does not fit.
    """
    return form_of(loaded, params).fault if loaded.cls.compiled is None else ""


def unless_slower(loaded: LoadedStrategy, params: Mapping[str, Any], calls: int) -> LoadedStrategy:
    """Return a strategy as it is to be asked `calls` times: new ones in plain Python where that takes less time.

    Raises:
        ConfigError: a parameter does not fit.
    """
    if loaded.cls.compiled is not None or calls >= CALLS:
        return loaded
    try:
        is_there = is_kept(translate(loaded.build(params), loaded.source).text)
    except NotCompilable:
        is_there = False
    return loaded if is_there else replace(loaded, translates=False)


@dataclass(frozen=True, slots=True)
class _Case:
    """What is tried once: parameters are arguments of machine code, so that one set of them stands for all."""

    loaded: LoadedStrategy
    text: str
    code: CompiledStrategy = field(compare=False)
    params: Mapping[str, Any] = field(compare=False)


@lru_cache(maxsize=8)
def _fault(case: _Case) -> str:
    strategy = case.loaded.build(case.params)  # an instance of its own: what depends on that shows
    plain, compiled = asking(strategy), case.code.asked()
    names = case.code.translation.signals
    spans = [Span(name, -math.inf, math.inf, False) if is_own(name) else span_of(name) for name in names]
    for see in made_views(Random(_SEED), spans, near(strategy), VIEWS):
        if difference_of(see, tried(plain, see), tried(compiled, see)) is not None:
            return (
                f"{case.loaded.name} is asked in plain Python: its machine code answers a made-up view otherwise; "
                f"`imbalance check strategy` shows it"
            )
    return ""
