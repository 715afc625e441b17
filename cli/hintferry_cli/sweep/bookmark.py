"""Keep how far a pass over a table is, in a file: the next run resumes there.

A range is entered only when it is done, so no run skips one. A range that was not entered is
walked again, which changes nothing.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fcntl import LOCK_EX, LOCK_NB, flock
from pathlib import Path
from typing import Any
from uuid import uuid4

from hintferry.adapters.source import captures
from hintferry.core.capture import Proof
from hintferry.core.errors import ConfigurationError
from hintferry.core.tokens import TokenRange
from hintferry.sweep.task import Task
from hintferry_cli.exits import Unfinished
from hintferry_cli.switches.caller import user_and_host

VERSION = 3
MOST_EXAMPLES = 100
SAVE_EVERY_S = 0.5


class Bookmark:
    """Keep one table's pass; `opened` or `begun` make it."""

    def __init__(self, path: Path, tree: dict[str, Any]) -> None:
        self._path, self._tree = path, tree
        self._saved_at = float("-inf")

    @property
    def left(self) -> list[TokenRange]:
        """Return the ranges that are not done, in order."""
        done = self._tree["done"]
        ranges = enumerate(self._tree["ranges"])
        return [TokenRange(*ends) for index, ends in ranges if str(index) not in done]

    @property
    def done(self) -> list[tuple[TokenRange, dict[str, int]]]:
        """Return the ranges that are done, with their sums."""
        ranges = self._tree["ranges"]
        entries = self._tree["done"].items()
        return [(TokenRange(*ranges[int(index)]), sums) for index, sums in entries]

    @property
    def examples(self) -> list[tuple[str, str]]:
        """Return verdicts and keys of some that are not equal."""
        return [(verdict, key) for verdict, key in self._tree["examples"]]

    @property
    def began(self) -> float:
        """Return when the pass began, in epoch seconds."""
        return float(self._tree["began"])

    @property
    def proof(self) -> Proof | None:
        """Return the proof that the table was captured when the pass began, if there is one."""
        return captures.from_tree(self._tree["proof"])

    def enter(
        self, part: TokenRange, sums: dict[str, int], examples: Sequence[tuple[str, str]] = ()
    ) -> None:
        """Enter a range that is done. It is saved soon: what is lost is walked again."""
        index = self._tree["ranges"].index([part.after, part.upto])
        self._tree["done"][str(index)] = sums
        room = MOST_EXAMPLES - len(self._tree["examples"])
        self._tree["examples"] += examples[:room]
        if time.monotonic() - self._saved_at > SAVE_EVERY_S:
            self.save()

    def save(self) -> None:
        """Save it; the file is always whole, whenever this process ends. Raises Unfinished."""
        if not self.left and not self._tree["finished"]:
            self._tree["finished"] = time.time()
        try:
            self._write()
        except OSError as error:
            raise Unfinished(
                f"{self._path} cannot be written: {error.strerror}; make room for it, then run the"
                " same command again: it resumes from what was saved"
            ) from error
        self._saved_at = time.monotonic()

    def _write(self) -> None:
        aside = self._path.with_name(self._path.name + ".new")
        with aside.open("w") as file:
            json.dump(self._tree, file)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(self._path)


def path_of(folder: Path, task: Task) -> Path:
    """Return the file of the passes over the task's table."""
    return folder / f"{task.verb.value}-{task.table}.json"


@contextmanager
def held(folder: Path, task: Task) -> Iterator[str]:
    """Keep other runs of this machine from the same pass; this process's end lets it go.

    Yields who holds it, which is the same for each run with this folder.

    Raises ConfigurationError where another run has it, or the folder cannot be written.
    """
    path = path_of(folder, task).with_suffix(".lock")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = path.open("a+")
    except OSError as error:
        raise ConfigurationError(
            f"{path} cannot be written: {error.strerror}; give another folder with --bookmarks"
        ) from error
    with file:
        try:
            flock(file, LOCK_EX | LOCK_NB)
        except BlockingIOError:
            raise ConfigurationError(
                f"another {task.verb.value} of {task.table} runs with the bookmarks of {folder};"
                " wait for its end, or stop it"
            ) from None
        file.seek(0)
        owner = file.read().strip() or f"{user_and_host()} {uuid4().hex}"
        file.seek(0)
        file.truncate()
        file.write(owner)
        file.flush()
        yield owner


def opened(folder: Path, task: Task) -> Bookmark | None:
    """Return the pass that the last run of this task left unfinished, if there is one.

    Raises ConfigurationError for a file that Hintferry did not write.
    """
    path = path_of(folder, task)
    try:
        tree = json.loads(path.read_text())
        is_ours = tree["version"] == VERSION
        goes_on = not tree["finished"] and tree["settings"] == task.settings
    except FileNotFoundError:
        return None
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigurationError(
            f"{path} is not a bookmark of hintferry; move it away ({error})"
        ) from error
    return Bookmark(path, tree) if is_ours and goes_on else None


def begun(folder: Path, task: Task, ranges: Sequence[TokenRange], proof: Proof | None) -> Bookmark:
    """Begin a new pass, in the place of the last one. Raises Unfinished."""
    tree = {
        "version": VERSION,
        "settings": task.settings,
        "began": time.time(),
        "proof": captures.as_tree(proof),
        "finished": None,
        "ranges": [[part.after, part.upto] for part in ranges],
        "done": {},
        "examples": [],
    }
    bookmark = Bookmark(path_of(folder, task), tree)
    bookmark.save()
    return bookmark
