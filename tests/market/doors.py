"""Doors to kernels that have none, since in earnest other kernels alone call them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

F = TypeVar("F", bound=Callable[..., Any])


def door(inner: F) -> F:
    """Return a function that Python may call and that calls an inner kernel."""

    def call(*given: Any) -> Any:
        return inner(*given)

    return cast(F, cast(Any, numba).njit(call))
