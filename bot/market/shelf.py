"""Keeps named tuples of arrays where a kernel finds them by their place, without being handed them at each call.

To hand a kernel fifty arrays takes Python longer than a decision takes to compute, and tuples of any number of markets
fit no compiled signature. So a tuple is written down once, as machine code holds it, and its address is kept.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Generic, TypeVar, cast

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from bot.market.jit import entry_point, lean_kernel
from bot.types import Int64s

T = TypeVar("T")

_IS_PLAIN: Final = bool(cast(Any, numba.config).DISABLE_JIT)
_WORD: Final = 8
_ALIGNED: Final = 8


def _address(context: Any, builder: Any, table: Any, kind: Any, index: Any, held: Any) -> Any:
    """The pointer to a value of the LLVM type `held` that lies at this index of a table of addresses."""
    array = context.make_array(kind)(context, builder, table)
    return builder.inttoptr(builder.load(builder.gep(array.data, [index])), held.as_pointer())


def _typed_write(context: Any, table: Any, index: Any, value: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        table, index, value = arguments
        builder.store(value, _address(context, builder, table, signature.args[0], index, value.type), align=_ALIGNED)
        return context.get_dummy_value()

    return types.none(table, index, value), generate


def _typed_read(context: Any, table: Any, index: Any, kind: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        table, index, _ = arguments
        held = context.get_value_type(kind.instance_type)
        return builder.load(_address(context, builder, table, signature.args[0], index, held), align=_ALIGNED)

    return kind.instance_type(table, index, kind), generate


def _typed_size(context: Any, kind: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        size = context.get_abi_sizeof(context.get_value_type(kind.instance_type))
        return ir.Constant(ir.IntType(_WORD * 8), size)

    return types.int64(kind), generate


def _plainly_taken(table: Any, index: int, kind: object) -> Any:
    return table[index]


_write = cast(Callable[..., None], intrinsic(_typed_write))
_size = cast(Callable[..., int], intrinsic(_typed_size))

taken = _plainly_taken if _IS_PLAIN else cast(Callable[..., Any], intrinsic(_typed_read))
"""Take a value from its shelf, in a kernel: `taken(table, index, kind)`, with the shelf's own `table` and `kind`.

It is the value that was put there last; the kernel borrows it from the shelf, as it borrows arguments from a caller.
"""


@lean_kernel
def put_down(table: Int64s, index: int, value: object) -> None:
    """Write a value where the table says."""
    _write(table, index, value)


@lean_kernel
def size_of(kind: object) -> int:
    """Return how many bytes a value of this type takes."""
    return _size(kind)


class Shelf(Generic[T]):
    """Places for tuples of one shape: the same named tuples, with arrays of the same types, in each.

    `table` and `kind` are what a kernel is handed. The shelf holds on to what lies on it.
    """

    __slots__ = ("_form", "_put", "_room", "_values", "kind", "table")

    def __init__(self, places: int, like: T) -> None:
        """Make empty places for values such as `like`."""
        self._values: list[T] = [like] * places
        self._form = _form(like)
        if _IS_PLAIN:
            self.table: Any = self._values
            self.kind: Any = None
            return
        self.kind = cast(Any, numba.typeof)(like)
        words = -(-size_of(self.kind) // _WORD)
        self._room = np.zeros((places, words), np.int64)
        self.table = self._room.ctypes.data + np.arange(places) * (words * _WORD)
        self._put = entry_point(put_down, self.table, 0, like)

    def put(self, index: int, value: T) -> None:
        """Put a value where another lay; what is written into its arrays on either side, the other sees.

        Raises:
            TypeError: it is of another form.
        """
        form = _form(value)
        if form != self._form:
            raise TypeError(f"shelf should hold tuples of the form {self._form}, was {form}")
        if not _IS_PLAIN:
            self._put(self.table, index, value)
        self._values[index] = value


def _form(value: object) -> object:
    """What a kernel is compiled for; to ask Numba takes a hundred times as long."""
    if isinstance(value, np.ndarray):
        return value.dtype.str, value.ndim, value.flags.c_contiguous, value.flags.aligned, value.flags.writeable
    if isinstance(value, tuple):
        return (type(value).__name__, *map(_form, value))
    return type(value).__name__
