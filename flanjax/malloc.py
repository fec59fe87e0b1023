"""How the C library gets memory from Linux, for commands that compute on a CPU.

XLA allocates a program's temporary memory anew each time it runs, and the C library gives blocks of that size back to Linux as
soon as they are free. Linux then hands them out again one fault a page, and clears each page: in pages of 4 KiB a step of
flan_mini touches 300,000 of them, which takes one of the two cores' seven seconds; in pages of 2 MiB it touches 1,700. A small
model's blocks, 43 MB in the quickstart, are better kept: its steps take 41 ms instead of 46. The C library reads what it should
do from a variable, once, when the process starts.
"""

import contextlib
import os
import sys
from pathlib import Path

_VARIABLE = "GLIBC_TUNABLES"
TUNABLES = ":".join(
    f"glibc.malloc.{name}={value}"
    for name, value in {
        "hugetlb": 1,  # pages of 2 MiB where the kernel gives them on request
        "mmap_threshold": 64 << 20,  # bytes from which on a block is given back at once
        "trim_threshold": 512 << 20,  # free bytes that may be kept at the end of a heap
        "top_pad": 64 << 20,  # a thread's heap, of at most 64 MiB, is kept too when nothing is in it
    }.items()
)


def start_again_tuned() -> None:
    """Starts this process again, in its place, with a C library that asks for large pages and keeps what it has.

    It does nothing without glibc, where it has been done, where GLIBC_TUNABLES says something already, or where the program is
    not a file that can be run again. Call it first: what the process has done so far is lost.
    """
    if _VARIABLE in os.environ or not Path(sys.argv[0]).is_file() or not _is_glibc():
        return
    os.environ[_VARIABLE] = TUNABLES
    with contextlib.suppress(OSError):
        os.execv(sys.executable, sys.orig_argv)


def _is_glibc() -> bool:
    try:
        return bool(os.confstr("CS_GNU_LIBC_VERSION"))
    except (AttributeError, ValueError, OSError):  # no such function, or no such name
        return False
