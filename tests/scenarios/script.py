"""A scenario's files, read: CQL a statement a line, with a few directives in comments.

`$ks` is the scenario's own keyspace. In `writes.cql`:

    -- @drain       wait until the target has everything so far
    -- @times N     the next statement N times, $i counting from 0
    -- @batch N     the same, as one unlogged batch
    $xN             N times the letter x
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

_LETTERS = re.compile(r"\$x(\d+)")


class Kind(Enum):
    """Kind of a step."""

    EXECUTE = "execute"
    BATCH = "batch"
    DRAIN = "drain"


@dataclass(frozen=True, slots=True)
class Step:
    """One step: statements to run one by one or as a batch, or a wait."""

    kind: Kind
    statements: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Scenario:
    """One folder."""

    name: str
    hazard: str
    ddl: tuple[str, ...]
    steps: tuple[Step, ...]
    expect: dict[str, Any]

    @property
    def keyspace(self) -> str:
        return self.name.replace("-", "_")

    @property
    def longest_ttls(self) -> dict[str, int]:
        """Return what is stated of its tables."""
        stated = self.expect.get("longest_ttl", {})
        return {f"{self.keyspace}.{table}": seconds for table, seconds in stated.items()}


def load(folder: Path) -> Scenario:
    """Read one folder; every file must say what it has to."""
    keyspace = folder.name.replace("-", "_")
    setup = (folder / "setup.cql").read_text().replace("$ks", keyspace)
    lines = setup.splitlines()
    hazard, source, ddl = lines[0], lines[1], lines[2:]
    assert hazard.startswith("-- Hazard: "), f"{folder.name}: setup.cql must begin with its hazard"
    assert source.startswith("-- Source: "), f"{folder.name}: setup.cql must name its source"
    writes = (folder / "writes.cql").read_text().replace("$ks", keyspace)
    expect = folder / "expect.toml"
    return Scenario(
        folder.name,
        hazard.removeprefix("-- Hazard: "),
        tuple(line.rstrip(";") for line in ddl),
        tuple(steps(writes)),
        tomllib.loads(expect.read_text()) if expect.exists() else {},
    )


def steps(text: str) -> list[Step]:
    """Read the lines of a `writes.cql`."""
    found: list[Step] = []
    kind, times = Kind.EXECUTE, 1
    for line in text.splitlines():
        if line.startswith("-- @"):
            directive, _, number = line.removeprefix("-- @").partition(" ")
            if directive == "drain":
                found.append(Step(Kind.DRAIN))
            else:
                kind = {"times": Kind.EXECUTE, "batch": Kind.BATCH}[directive]
                times = int(number)
        elif line:
            statement = _LETTERS.sub(lambda found: "x" * int(found[1]), line.rstrip(";"))
            repeated = tuple(statement.replace("$i", str(i)) for i in range(times))
            found.append(Step(kind, repeated))
            kind, times = Kind.EXECUTE, 1
    return found
