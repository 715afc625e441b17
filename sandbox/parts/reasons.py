"""Guess the reason from a part's last output, in one sentence."""

import re

_KNOWN = (
    (r"Address already in use|BindException|Errno 98", "another program holds one of its ports"),
    (
        r"OutOfMemoryError|Cannot allocate memory|insufficient memory",
        "it ran out of memory: close other programs, or start fewer nodes",
    ),
    (r"No space left on device", "the disk is full"),
    (r"Permission denied|AccessDenied", "it may not read or write one of its files"),
    (
        r"UnsupportedClassVersionError|NoClassDefFoundError|ClassNotFoundException",
        "its jars are not whole: `make clean setup` fetches them again",
    ),
    (r"No module named", "a Python package is missing: `make setup` installs it"),
    (r"Too many open files", "the limit of open files is too low: `ulimit -n 4096` raises it"),
)


def reason(log: str, exit_code: int | None) -> str:
    """The likely reason of a failure, from its log and exit code (None: still running)."""
    for pattern, sentence in _KNOWN:
        if re.search(pattern, log):
            return sentence
    if exit_code == -9:
        return "it was killed, most likely for lack of memory"
    if exit_code is not None:
        return f"it ended by itself with status {exit_code}"
    return "it did not become ready in time; is the machine very busy?"
