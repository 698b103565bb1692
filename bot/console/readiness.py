"""What is seen to before anything starts: a folder that can be written, and a word to whoever waits.

A first start compiles for a minute or more; without a word it looks like one that hangs.
"""

from __future__ import annotations

import os
import sys
import tempfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

from bot.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bot.config import Config
    from bot.market.warming import Kernels


def make_ready(config: Config) -> None:
    """Make the storage folder.

    Raises:
        UserError: the storage folder can be neither made nor written.
    """
    folder = Path(config.storage.folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        reason = "is no folder" if isinstance(error, FileExistsError) else f"cannot be written ({error.strerror})"
        raise UserError(f"storage.folder = {str(folder)!r} {reason}: name another folder") from None


def say_starting(kernels: Kernels) -> None:
    """Say on standard error that a start is under way; call it once what a user may have mistaken is checked."""
    if not is_compiled(kernels):
        wait = "about a minute" if kernels.is_everyday and not kernels.has_lanes else "a minute or two"
        sys.stderr.write(f"Starting; compiling for this machine first, once: {wait} ...\n")
    elif sys.stderr.isatty():
        sys.stderr.write("Starting ...\n")


def compile_first(names: Sequence[str]) -> None:
    """Compile what tables of these signals need, and say so, unless an earlier start has left its machine code."""
    from bot.market.warming import kernels_for

    compile_once(kernels_for(names, tables=True))


def compile_once(kernels: Kernels) -> None:
    """Compile these kernels, and say so, unless an earlier start has left their machine code."""
    if not is_compiled(kernels):
        from bot.building import warm_kernels

        say_starting(kernels)
        warm_kernels(kernels)


def is_compiled(kernels: Kernels) -> bool:
    """Tell whether an earlier start has left all its machine code for this one; one that was stopped has not."""
    from bot.market.jit import cache_folder

    folder = cache_folder()
    return folder is not None and (folder / _mark(kernels)).is_file()


def mark_compiled(kernels: Kernels) -> None:
    """Note that all their machine code is there, by an empty file beside it, for the starts that follow."""
    from bot.market.jit import cache_folder

    folder = cache_folder()
    if folder is not None and any(folder.rglob("*.nbc")):  # without compilation (NUMBA_DISABLE_JIT=1) there is none
        (folder / _mark(kernels)).touch()


def _mark(kernels: Kernels) -> str:
    """Name of the file that says so; code is kept by the place of its source, and a second copy finds none of it."""
    return f"{kernels}-{zlib.crc32(os.fsencode(Path(__file__).resolve().parent)):08x}"
