"""Compile the market's kernels once per machine and keep the machine code where an edit can never be served stale.

Numba's own cache looks at the file of the cached function alone: change a callee in another file and the caller goes
on running the old code. Here the cache lives in a folder named after a hash of every source file a kernel may read
from, so any edit starts an empty folder.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

import numba

from bot.market.inner_code import InnerCompiler
from bot.market.kept_code import KeptCode

F = TypeVar("F", bound=Callable[..., Any])


def kernel(fn: F) -> F:
    """Compile `fn` to machine code at its first call, or load it from this version's cache; the GIL is released in it.

    Division by zero gives inf or NaN in compiled code but raises where Numba is switched off (`NUMBA_DISABLE_JIT=1`),
    so a kernel tests its divisors. Nothing is reordered (`fastmath` is off): the same rows give the same bits.
    """
    return _compiled(fn)


def lean_kernel(fn: F) -> F:
    """Compile as `kernel` does, for a function that makes no array and returns none: several times faster calls.

    Numba counts references to every array at every call between kernels, which costs more than the work of a small
    one. Such a kernel borrows its arrays from the Python caller, which holds them for the length of the call.
    """
    # The option has no public name; if a Numba ever lacks it, decorating fails at import, not in a result.
    return _compiled(fn, _nrt=False, no_cfunc_wrapper=True)


def inlined_kernel(fn: F) -> F:
    """Compile as `inner_kernel` does and write the code out wherever another kernel calls it.

    A call hands over seven numbers an array, which costs more than what a small kernel does. Compiling takes longer the
    more is written out, so it is for what runs for every row, message or signal.
    """
    return _inner(fn, forceinline=True)


def inner_kernel(fn: F) -> F:
    """Compile as `lean_kernel` does, for a function that other kernels alone call: it has no door from Python.

    The door, and machine code of its own, are most of what compiling a small kernel costs.
    """
    return _inner(fn)


def entry_point(fn: F, *arguments: object) -> F:
    """Return `fn` compiled for arguments like these; it looks at no types, so it is called with such arguments alone.

    To find the compiled function anew takes microseconds when arrays come in tuples, which is most of a short call.
    """
    dispatcher: Any = fn
    if not hasattr(dispatcher, "get_overload"):  # switched off (`NUMBA_DISABLE_JIT=1`)
        return fn
    typeof: Any = numba.typeof
    signature = tuple(typeof(argument) for argument in arguments)
    dispatcher.compile(signature)
    return cast(F, dispatcher.get_overload(signature))


def _inner(fn: F, **options: bool) -> F:
    njit: Any = numba.njit
    options |= {"_nrt": False, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
    return cast(F, njit(nogil=True, error_model="numpy", pipeline_class=InnerCompiler, **options)(fn))


def _compiled(fn: F, **options: bool) -> F:
    folder, njit = cache_folder(), cast(Any, numba.njit)
    made = njit(nogil=True, error_model="numpy", **options)(fn)
    if folder is not None and made is not fn:  # switched off (`NUMBA_DISABLE_JIT=1`), it is the function itself
        made._cache = KeptCode(fn, folder)
    return cast(F, made)


@cache
def cache_folder() -> Path | None:
    """Return the folder of this source version's machine code, made if missing; None when no place is writable.

    It is `$XDG_CACHE_HOME/imbalance-bot/numba/<hash>`, else the same under `~/.cache`, else a folder of this user's
    own under the system's temporary one.
    """
    for root in _roots():
        folder = root / "numba" / source_hash()
        if _is_ours_to_write(root, folder):
            return folder
    return None


@cache
def source_hash() -> str:
    """Return the hash (16 hex digits) over `bot/types.py` and every Python file of this package."""
    here = Path(__file__).resolve().parent
    digest = hashlib.sha256()
    for path in (here.parent / "types.py", *sorted(here.rglob("*.py"))):
        digest.update(f"{path.name}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _roots() -> tuple[Path, ...]:
    wanted = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    user = os.getuid() if hasattr(os, "getuid") else 0
    return Path(wanted) / "imbalance-bot", Path(tempfile.gettempdir()) / f"imbalance-bot-{user}"


def _is_ours_to_write(root: Path, folder: Path) -> bool:
    try:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Cached code is executed: a folder that somebody else laid out under /tmp must not be trusted.
        if hasattr(os, "getuid") and root.stat().st_uid != os.getuid():
            return False
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False
