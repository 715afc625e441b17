"""Run a command that dies with its parent: `python -I -S launch.py PARENT COMMAND...`.

The kernel sends the death signal when the *thread* that forked us ends, so `process.py` forks
from one thread that lives as long as its process. Linux only.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main(parent: int, command: list[str]) -> None:
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before the line above
        sys.exit(1)
    os.execvp(command[0], command)


main(int(sys.argv[1]), sys.argv[2:])
