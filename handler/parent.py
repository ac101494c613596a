"""The process that started this one: whoever works for it, or pings for it, is not to outlive it."""

import ctypes
import os
import signal
import sys

# <linux/prctl.h>; other systems have nothing like it.
_PR_SET_PDEATHSIG = 1
_IS_LINUX = sys.platform == "linux"


def die_with_parent() -> None:
    """In a child, right after the fork: kill it when its parent ends, however that ends. On Linux only."""
    if _IS_LINUX:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def let_no_child_outlive_me() -> None:
    """The same for every process that this one forks from now on; the SDK's ping is one, which never looks back."""
    os.register_at_fork(after_in_child=die_with_parent)
