"""Calls a compiled strategy by its address, from Python and from inside of a compiled kernel.

The address is an argument, so a kernel that calls strategies is compiled once and kept, whatever strategies there will
be. With `NUMBA_DISABLE_JIT=1` an address leads back into Python, so that all of it can be stepped through.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from types import ModuleType
from typing import Any, Final, TypeVar, cast

import numba
from llvmlite import ir
from numba import types
from numba.core.ccallback import CFunc
from numba.core.errors import NumbaError
from numba.extending import intrinsic

from bot.errors import NotCompilable
from bot.market.jit import cache_folder, kernel
from bot.market.kept_code import KeptCode
from bot.types import Floats

F = TypeVar("F", bound=Callable[..., Any])

ARRAYS: Final = 5  # see, row, params, answer, values
TOO_SHORT: Final = -1
"""What a call says when one of the arrays is shorter than the strategy needs; then nothing was written."""

_POINTER: Final = ctypes.POINTER(ctypes.c_double)
_C_CALL: Final = ctypes.CFUNCTYPE(ctypes.c_int64, *[_POINTER] * ARRAYS, *[ctypes.c_int64] * ARRAYS)
_IS_PLAIN: Final = bool(cast(Any, numba.config).DISABLE_JIT)


@dataclass(frozen=True, slots=True)
class Callback:
    """A function of C: five pointers to doubles, then the five lengths; `kept` says whether a cache had it.

    `owner` is what the address belongs to: it has to live for as long as the address is called.
    """

    address: int
    owner: object
    kept: bool

    def over(self, see: Floats, row: Floats, params: Floats, answer: Floats, values: Floats) -> Callable[[], int]:
        """Return what asks about these contiguous arrays of doubles, as they are then; it answers as `call_strategy`.

        To make pointers takes Python longer than the strategy takes to answer.
        """
        return _over(self.address, (see, row, params, answer, values))


def _over(address: int, arrays: Sequence[Floats]) -> Callable[[], int]:
    pointers = [ctypes.cast(array.ctypes.data, _POINTER) for array in arrays]
    lengths = [ctypes.c_int64(len(array)) for array in arrays]
    return partial(_C_CALL(int(address)), *pointers, *lengths)


def _called(address: int, *arrays: Floats) -> int:
    return _over(address, arrays)()


def _generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    """Write the call: pointer and length of each array, through the address."""
    address, *values = arguments
    arrays = [
        context.make_array(kind)(context, builder, value)
        for kind, value in zip(signature.args[1:], values, strict=True)
    ]
    word = ir.IntType(64)
    pointers = [array.data for array in arrays]
    called = ir.FunctionType(word, [*(pointer.type for pointer in pointers), *[word] * ARRAYS])
    return builder.call(builder.inttoptr(address, called.as_pointer()), [*pointers, *(each.nitems for each in arrays)])


def _typed(context: Any, address: Any, see: Any, row: Any, params: Any, answer: Any, values: Any) -> Any:
    arrays = (see, row, params, answer, values)
    fits = all(
        isinstance(kind, types.Array) and kind.ndim == 1 and kind.layout == "C" and kind.dtype == types.float64
        for kind in arrays
    )
    if not fits:
        raise numba.TypingError(f"a strategy is called with contiguous 1-d arrays of float64, was {arrays}")
    return types.int64(types.int64, *arrays), _generate


# To type checkers this is the plain function, which has the same arguments.
call_strategy = _called if _IS_PLAIN else cast(Callable[..., int], intrinsic(_typed))
"""Ask a compiled strategy: `call_strategy(address, see, row, params, answer, values)`, five arrays of float64.

Returns 0 when it answered, the line of its file on which it failed, or `TOO_SHORT`. It is for kernels; from Python ask
a `Callback`.
"""


@kernel
def ask_many(address: int, sees: Floats, rows: Floats, params: Floats, answers: Floats, values: Floats) -> int:
    """Ask about many views (n, k each) with one set of parameters; return how many did not fail."""
    good = 0
    for index in range(sees.shape[0]):
        if call_strategy(address, sees[index], rows[index], params, answers[index], values[index]) == 0:
            good += 1
    return good


def routine(fn: F) -> F:
    """Compile a function that generated code calls, together with what calls it."""
    njit: Any = numba.njit
    return cast(F, njit(nogil=True, error_model="numpy", _nrt=False)(fn))


@cache
def callback(text: str, name: str) -> Callback:
    """Compile the function `name` of a module's source text, or load it from the cache of an earlier process.

    It takes five pointers and five lengths, and returns a whole number.

    Raises:
        NotCompilable: Numba refuses it.
    """
    path = _written(text)
    module = ModuleType(f"imbalance_compiled_{_digest(text)}")
    module.__file__ = str(path)
    sys.modules[module.__name__] = module  # where Numba looks up what a kept function belongs to
    exec(compile(text, str(path), "exec"), module.__dict__)
    function = getattr(module, name)
    if _IS_PLAIN:
        plain = _C_CALL(function)
        return Callback(cast(int, ctypes.cast(plain, ctypes.c_void_p).value), plain, False)
    pointer: Any = types.CPointer
    taken = (*[pointer(types.float64)] * ARRAYS, *[types.int64] * ARRAYS)
    made: Any = CFunc(function, (taken, types.int64), {}, {"nopython": True, "error_model": "numpy", "_nrt": False})
    folder = cache_folder()
    if path is not None and folder is not None:
        made._cache = KeptCode(function, folder)
    try:
        made.compile()
    except NumbaError as error:
        said = " ".join(str(error).split())
        raise NotCompilable(f"{path or 'what it was translated to'} cannot be compiled: {said[:200]}") from error
    return Callback(made.address, made, made.cache_hits > 0)


def is_kept(text: str) -> bool:
    """Tell whether an earlier call of `callback`, of whatever process, has left its work for this source text."""
    path = _place(text)
    return path is not None and path.is_file()


def _place(text: str) -> Path | None:
    folder = cache_folder()
    return None if folder is None else folder / "strategies" / f"{_digest(text)}.py"


def _written(text: str) -> Path | None:
    """Keep the text as a file, since machine code is kept for functions of files; None when there is no place."""
    path = _place(text)
    if path is None:
        return None
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        path.parent.mkdir(exist_ok=True)
        handle, fresh = tempfile.mkstemp(dir=path.parent)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(fresh, path)  # whole or not at all, also when two processes write it
    return path


def _digest(text: str) -> str:
    return hashlib.sha256(f"{numba.__version__}\0{text}".encode()).hexdigest()[:24]
