"""The user's own steps: `init`, the advice of `preflight` followed, and the tables on Keyspaces."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from hintferry.core.schema import TableId
from hintferry_cli.app import app
from hintferry_cli.exits import Status
from hintferry_ops.fit.source_facts import OURS
from sandbox.function import processor_environment
from sandbox.parts.launch import tied
from sandbox.stack import Stack
from tests.fuzz.faults import Fault, FaultKind
from tools import places

VERIFY_S = 300.0
_STATEMENT = re.compile(r"(?:ALTER|CREATE) (?:TABLE|KEYSPACE) .*")
_NO_STATEMENT = re.compile(r"\.?(, or add it to migration\.toml\.)?$")
_LEAVE_OUT = re.compile(r"leave ([\w.]+), which uses the type, out")


@dataclass(frozen=True, slots=True)
class CommandResult:
    """Answer of a command: its exit status, its JSON and its text."""

    status: int
    told: Any
    words: str


@dataclass(frozen=True, slots=True)
class Advice:
    """Advice of `preflight`: statements for the source, tables to leave out, and the rest."""

    statements: tuple[str, ...]
    left_out: Mapping[TableId, str]
    others: tuple[str, ...]


class Operator:
    """Somebody in a folder of their own, at the sandbox's sides."""

    def __init__(self, stack: Stack, folder: Path) -> None:
        self._stack, self.folder = stack, folder
        folder.mkdir(parents=True, exist_ok=True)
        own = processor_environment(stack, folder)
        del own["HINTFERRY_CONFIG"]
        self._environment = own | {"AWS_DEFAULT_REGION": stack.aws.region}
        self.config = folder / "migration.toml"

    def init(self, keyspaces: Sequence[str]) -> CommandResult:
        """Write both files for these keyspaces, and name the sandbox's own target in one."""
        source = self._stack.source
        contact = ["--contact-point", source.hosts[0], "--port", str(source.port), "--force"]
        answer = self.run("init", *keyspaces, *contact)
        if answer.status == 0:
            target = self._stack.target
            endpoint = f'endpoint = "{target.host}"\nca_file = "{target.ca_file.resolve()}"'
            text = re.sub('(?m)^endpoint = ".*"$', lambda _: endpoint, self.config.read_text())
            self.config.write_text(text)
        return answer

    def advice(self, tables: Sequence[TableId]) -> Advice:
        """Look at the source; what is said of tables that are others' is left alone."""
        answer = self.run("preflight", "--only", "source")
        if answer.told is None:
            return Advice((), {}, (answer.words,))
        statements: list[str] = []
        left_out: dict[TableId, str] = {}
        others: list[str] = []
        keyspaces = (OURS, *{table.keyspace for table in tables})
        for finding in answer.told["findings"]:
            if finding["level"] not in ("fault", "unknown"):
                continue
            text = f"{finding['where']}: {finding['what']}; {finding['fix']}"
            if found := _statements(finding["fix"]):
                statements += [one for one in found if any(name in one for name in keyspaces)]
            elif table := _to_leave_out(finding, tables):
                left_out[table] = text
            else:
                others.append(text)
        return Advice(tuple(dict.fromkeys(statements)), left_out, tuple(others))

    def leave_out(self, table: TableId) -> None:
        """Take a table out of the configuration."""
        name = re.escape(f'[tables."{table}"]')
        section = re.compile(rf"^{name}\n(?:(?!\[).*\n?)*", re.MULTILINE)
        text, count = section.subn("", self.config.read_text())
        assert count == 1, table
        self.config.write_text(text)

    def run(self, verb: str, *arguments: str) -> CommandResult:
        """Run a command in this process; an error that it does not tell is raised."""
        with _environment(self._environment):
            line = [verb, *arguments, "--json", "--config", str(self.config)]
            done = CliRunner().invoke(app, line)
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        told = json.loads(done.stdout) if done.stdout.startswith("{") else None
        return CommandResult(done.exit_code, told, done.stderr or done.stdout)

    def verify(self, tables: Sequence[TableId]) -> Iterator[Fault]:
        """Yield what the command finds where nothing is to be found."""
        with ThreadPoolExecutor(4) as pool:
            for table, said in zip(tables, pool.map(self._verified, tables), strict=True):
                if said:
                    yield Fault(FaultKind.VERIFY, table, said)

    def repair(self, tables: Sequence[TableId]) -> Iterator[Fault]:
        """Let the command repair these tables; yield where it does not come to its end."""
        with ThreadPoolExecutor(4) as pool:
            swept = pool.map(lambda table: self._swept(table, "--repair", "--yes"), tables)
            for table, done in zip(tables, swept, strict=True):
                if done.returncode not in (Status.DONE, Status.NEGATIVE):
                    yield Fault(FaultKind.VERIFY, table, (done.stdout + done.stderr)[:1000])

    def _verified(self, table: TableId) -> str:
        done = self._swept(table)
        return "" if done.returncode == 0 else (done.stdout + done.stderr)[:1000]

    def _swept(self, table: TableId, *options: str) -> subprocess.CompletedProcess[str]:
        bookmarks = str(self.folder / "bookmarks")
        line = [str(places.COMMAND), "verify", str(table), "--bookmarks", bookmarks, *options]
        return subprocess.run(
            tied(*line, "--processes", "1", "--json", "--config", str(self.config)),
            env={"PATH": os.environ["PATH"], **self._environment},
            capture_output=True,
            text=True,
            timeout=VERIFY_S,
        )


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _statements(fix: str) -> list[str]:
    """The statements in a piece of advice, if it consists of them."""
    found = _STATEMENT.search(fix)
    return _NO_STATEMENT.sub("", found[0]).split("; ") if found else []


def _to_leave_out(finding: Mapping[str, str], tables: Sequence[TableId]) -> TableId | None:
    """The table that the finding says to leave out."""
    if named := _LEAVE_OUT.search(finding["fix"]):
        keyspace, _, name = named[1].partition(".")
        return TableId(keyspace, name)
    if "leave the table out" not in finding["fix"]:
        return None
    where = f"{finding['where']}."
    return next((one for one in tables if where.startswith(f"{one}.")), None)
