"""Memory in pages of 2 MiB, on Linux.

XLA allocates a program's temporary memory anew each time it runs on a CPU. In pages of 4 KiB a step of flan_mini touches
300,000 of them for the first time, which takes one of the two cores' seven seconds; in pages of 2 MiB it touches 1,700. The C
library asks for such pages if a variable says so when the process starts.
"""

import contextlib
import os
import sys
from pathlib import Path

_TUNABLES = "GLIBC_TUNABLES"
_ON_REQUEST = Path("/sys/kernel/mm/transparent_hugepage/enabled")


def start_again_with_them() -> None:
    """Starts this process again, in its place, with memory in huge pages.

    It does nothing where the kernel gives them unasked or never, where it has been done, where GLIBC_TUNABLES says something
    already, or where the program is not a file that can be run again. Call it first: what the process has done so far is lost.
    """
    if _TUNABLES in os.environ or not Path(sys.argv[0]).is_file() or not _given_on_request():
        return
    os.environ[_TUNABLES] = "glibc.malloc.hugetlb=1"
    with contextlib.suppress(OSError):
        os.execv(sys.executable, sys.orig_argv)


def _given_on_request() -> bool:
    try:
        return "[madvise]" in _ON_REQUEST.read_text()
    except OSError:
        return False
