"""All scenarios share one running chain; their tables are made at once, before the first runs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from sandbox.chain import Chain
from sandbox.sessions import keyspaces_session
from sandbox.stack import Stack
from sandbox.tables import session
from tests.scenarios.script import Scenario, load
from tools.releases import Release

HERE = Path(__file__).parent
FOLDERS = sorted(folder for folder in HERE.iterdir() if (folder / "setup.cql").exists())


@dataclass(frozen=True, slots=True)
class Bench:
    """Bench that a scenario runs on."""

    source: Any
    behind: Any
    chain: Chain
    said: list[str]
    """what the processor printed"""
    release: Release
    """of the source"""
    lateness_s: dict[str, list[float]] = field(default_factory=dict)
    """by kind: how much later the target stopped to show what expired at the source"""

    @property
    def parked(self) -> list[str]:
        """The processor's lines of the records that it parked."""
        return [line for line in self.said if '"parked"' in line and "HintsParked" not in line]


@pytest.fixture(scope="session")
def bench(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    scenarios = [load(folder) for folder in FOLDERS]
    stack.longest_ttls |= {name: s for one in scenarios for name, s in one.longest_ttls.items()}
    stack.create_tables(*(line for one in scenarios for line in _source_ddl(stack, one)))
    with keyspaces_session(stack.target) as keyspaces:
        for line in (line for one in scenarios for line in _target_ddl(one)):
            keyspaces.execute(line)
    with session(stack.source) as source, session(stack.behind) as behind:
        tables = [table for one in scenarios for table in captured(one)]
        said: list[str] = []
        logs = tmp_path_factory.mktemp("scenarios")
        with Chain(stack, tables, logs, on_line=said.append) as chain:
            running = Bench(source, behind, chain, said, stack.release)
            yield running
            for kind, late in sorted(running.lateness_s.items()):
                print(f"late {kind}: {len(late)}, p50 {median(late):.1f} s, max {max(late):.1f} s")


def captured(scenario: Scenario) -> list[str]:
    """The tables of a scenario as `keyspace.table`, names unquoted."""
    found = (re.match(r'CREATE TABLE \w+\.("?)(\w+)\1 ', line) for line in scenario.ddl)
    return [f"{scenario.keyspace}.{match[2]}" for match in found if match]


def _source_ddl(stack: Stack, scenario: Scenario) -> Iterator[str]:
    yield f"CREATE KEYSPACE {scenario.keyspace} WITH replication = {stack.replication}"
    for line in scenario.ddl:
        yield _with(line, "cdc = true") if line.startswith("CREATE TABLE") else line


def _target_ddl(scenario: Scenario) -> Iterator[str]:
    replication = "{'class': 'SingleRegionStrategy'}"
    yield f"CREATE KEYSPACE {scenario.keyspace} WITH replication = {replication}"
    for line in scenario.ddl:
        if not line.startswith("CREATE TABLE"):
            yield line
            continue
        bare = re.sub(r" WITH default_time_to_live = \d+", "", line)
        switches = ["ttl"] if " counter" in bare else ["client_side_timestamps", "ttl"]
        properties = ", ".join(f"'{switch}': {{'status': 'enabled'}}" for switch in switches)
        yield _with(bare, f"CUSTOM_PROPERTIES = {{{properties}}}")


def _with(ddl: str, option: str) -> str:
    return f"{ddl} AND {option}" if " WITH " in ddl else f"{ddl} WITH {option}"
