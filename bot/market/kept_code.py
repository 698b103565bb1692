"""Machine code of earlier processes, loaded without what only compiling needs.

Before it looks into its cache, Numba loads all that it knows of Python and NumPy, to compile what the cache may not
have: half a second and more at every start, and SciPy with it where there is one. Code that is kept needs Numba's
runtime alone; what is not kept is compiled as always, and the compiler loads the rest itself.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numba
from numba.core.caching import FunctionCache
from numba.core.runtime.nrt import rtsys


class KeptCode:
    """The cache of one function, in the shape that Numba asks its own caches in; `folder` is where it lies.

    It is looked for at the first call: most kernels are called by other kernels alone, whose code holds theirs.
    """

    def __init__(self, fn: Callable[..., Any], folder: Path) -> None:
        self._fn = fn
        self._folder = folder

    @property
    def cache_path(self) -> str:
        """Where the code of this function's file lies."""
        return str(self._files.cache_path)

    def load_overload(self, signature: Any, target_context: Any) -> Any:
        """Return the code that is kept for a signature, None when there is none.

        What is kept for types that are there no more (a plug-in's, a test's) can't be read: it is forgotten.
        """
        rtsys.initialize(target_context)
        # The public method does the same, after it has loaded the compiler; a Numba without the other has that one.
        load = getattr(self._files, "_load_overload", self._files.load_overload)
        try:
            return load(signature, target_context)
        except (ImportError, AttributeError, UnpicklingError, EOFError):
            self.flush()
            return None

    def save_overload(self, signature: Any, compiled: Any) -> None:
        """Keep what was compiled for a signature."""
        self._files.save_overload(signature, compiled)

    def flush(self) -> None:
        """Forget all that is kept of this function."""
        self._files.flush()

    @cached_property
    def _files(self) -> Any:
        # Numba reads this setting at the moment a cache is made; other users of Numba keep their own.
        settings: Any = numba.config
        before = settings.CACHE_DIR
        settings.CACHE_DIR = str(self._folder)
        try:
            cache: Any = FunctionCache
            return cache(self._fn)
        finally:
            settings.CACHE_DIR = before
