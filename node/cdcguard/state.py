"""Keep what a pass remembers for the next one; one pass at a time."""

import contextlib
import fcntl
import json
import os
from typing import Any, Dict, Iterator

from node.cdcguard.settings import GuardError, Settings


def load_state(settings: Settings) -> Dict[str, Any]:
    try:
        with open(settings.state, encoding="utf-8") as file:
            state: Any = json.load(file)
    except FileNotFoundError:
        return {}
    except ValueError:
        print(f"WARNING: {settings.state} could not be read: this pass remembers nothing.")
        return {}
    return state if isinstance(state, dict) else {}


def save_state(settings: Settings, state: Dict[str, Any]) -> None:
    replace_file(settings.state, json.dumps(state))


def replace_file(path: str, text: str) -> None:
    with open(path + ".new", "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(path + ".new", path)


@contextlib.contextmanager
def locked(settings: Settings) -> Iterator[None]:
    """Lock the state for one writer, which must be Cassandra's own user: it owns the files."""
    if os.stat(settings.cdc_raw).st_uid != os.geteuid():
        raise GuardError(f"Run it as the owner of {settings.cdc_raw}.")
    with open(settings.state + ".lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise BlockingIOError("Another pass is still running.") from None
        yield
