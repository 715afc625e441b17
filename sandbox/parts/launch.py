"""Run a command that dies with its parent: `python -I -S launch.py PARENT COMMAND...`.

The kernel sends the death signal when the *thread* that forked us ends. So code that forks from a
thread lets that thread live as long as the child shall. Linux only. What this process started by
`tied` dies with it, however it ends; so does what that started likewise.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def tied(*command: str) -> list[str]:
    """The command line that runs `command` and ends with this process."""
    return [sys.executable, "-I", "-S", __file__, str(os.getpid()), *command]


def tie(parent: int) -> None:
    """Let this process die with the thread that forked it, of the process `parent`."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before the line above
        os._exit(1)


def main(parent: int, command: list[str]) -> None:
    """Become the command."""
    tie(parent)
    os.execvp(command[0], command)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
