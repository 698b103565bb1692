"""Compiles kernels that other kernels alone call: their code is made once, where it ends up, and not before.

Numba gives every function machine code of its own and optimises it in full before a caller takes it in, and does both
again for the caller, which may be an inner function itself. Of what compiling the lanes took, that was four parts in
ten, for code that nobody ever ran.
"""

from __future__ import annotations

import ctypes
from typing import Any, cast

from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler


class _NoEngine:
    """A code generator that hands nothing to the engine that makes machine code; all else is the real one's."""

    def __init__(self, real: Any) -> None:
        self._real = real

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def _add_module(self, module: Any) -> None:
        """Keep the module out of the engine."""

    def set_env(self, name: str, env: Any) -> None:
        """Leave the variable alone: it is where the code is taken in."""


class InnerLibrary(cast(Any, JITCodeLibrary)):  # type: ignore[misc]
    """The code of one inner function, made ready to be taken in by others and no further."""

    def __init__(self, codegen: Any, name: str) -> None:
        super().__init__(_NoEngine(codegen), name)

    def _optimize_final_module(self) -> None:
        # What inlines is done here, what vectorises and unrolls is left to the function that takes the code in.
        passes, builder = self._codegen._module_pass_manager(
            loop_vectorize=self._codegen._loopvect, slp_vectorize=False, opt=self._codegen._opt_level, cost="cheap"
        )
        passes.run(self._final_module, builder)

    def _finalize_specific(self) -> None:
        """Make no machine code."""

    def get_pointer_to_function(self, name: str) -> int:
        """Return what a call from Python finds: a function that raises TypeError instead of a crash."""
        return cast(int, ctypes.cast(ctypes.pythonapi.PyErr_BadArgument, ctypes.c_void_p).value)


class InnerCompiler(cast(Any, Compiler)):  # type: ignore[misc]
    """Numba's compiler, with a library of that kind for the code."""

    def define_pipelines(self) -> Any:
        """Return Numba's own steps; the library is there before the one that would make one."""
        state = self.state
        state.library = InnerLibrary(state.targetctx.codegen(), state.func_id.func_qualname)
        return super().define_pipelines()
