"""`hintferry`, run as an operator runs it, on the sides of a sandbox."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox.function import processor_environment
from sandbox.parts.launch import tied
from sandbox.stack import Stack
from tools import places

COMMAND_S = 900.0


@dataclass(frozen=True)
class Operator:
    """Somebody at the command line; `folder` is where the command keeps its files."""

    stack: Stack
    folder: Path

    def command(self, *arguments: str) -> list[str]:
        """The command line, with its bookmarks in the folder."""
        bookmarks = "--bookmarks", str(self.folder / "bookmarks")
        return tied(str(places.COMMAND), *arguments, *bookmarks, "--processes", "2", "--json")

    @property
    def environment(self) -> dict[str, str]:
        """The command's variables: the functions' own, and the region."""
        own = processor_environment(self.stack, self.folder)
        return own | {"AWS_DEFAULT_REGION": self.stack.aws.region}

    def run(self, *arguments: str) -> dict[str, Any]:
        """Run the command as an operator does; return its JSON, with the exit status as `exit`."""
        (answer,) = self.run_in_turns(*arguments)
        return answer

    def run_in_turns(self, *arguments: str) -> list[dict[str, Any]]:
        """Run one command for several tables, one after the other; return what it says of each."""
        done = subprocess.run(
            self.command(*arguments),
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=COMMAND_S,
        )
        assert done.stdout, done.stderr
        answers: list[dict[str, Any]] = json.loads(done.stdout)["tables"]
        for answer in answers:
            assert answer.get("errors") == {}, answer
        return [answer | {"exit": done.returncode} for answer in answers]

    def run_all(self, tables: Sequence[str], *arguments: str) -> dict[str, dict[str, Any]]:
        """One command a table, all at once: most of their time is the grace period."""
        with ThreadPoolExecutor(len(tables)) as pool:
            answers = pool.map(lambda table: self.run(*arguments, table), tables)
            return dict(zip(tables, answers, strict=True))
