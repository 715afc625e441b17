"""Print and keep what a campaign found: a case that a person can paste into a test."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from hintferry.core.cql_text import quoted
from tests.fuzz.case import Case, ddl
from tests.fuzz.faults import Fault
from tests.fuzz.statements import statements

_NAME_IN_SCENARIO = "$ks"


def keep(case: Case, faults: list[Fault], how: str, folder: Path) -> None:
    """Write a case as a scenario: `setup.cql` and `writes.cql`, a statement a line.

    `how`: what draws it again. A case of several keyspaces is no scenario before one of its
    keyspaces is enough.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    hazard = "; ".join(dict.fromkeys(fault.kind.value for fault in faults))
    head = [f"-- Hazard: {hazard}", f"-- Source: {how}"]
    (folder / "setup.cql").write_text(_text([*head, *_setup(case)], case))
    (folder / "writes.cql").write_text(_text(_writes(case), case))
    (folder / "faults.txt").write_text("\n".join(map(str, faults)) + "\n")


def as_text(case: Case) -> str:
    """Return all statements of a case."""
    return _text([*_setup(case), *_writes(case)], case)


def _setup(case: Case) -> Iterator[str]:
    return (f"{text};" for _, text in ddl(case))


def _writes(case: Case) -> Iterator[str]:
    return (f"{text};" for table in case.tables for text in statements(case, table))


def _text(lines: Iterable[str], case: Case) -> str:
    text = "".join(f"{line}\n" for line in lines)
    if len(case.keyspaces) == 1:
        text = text.replace(f"{quoted(case.keyspaces[0])}.", f"{_NAME_IN_SCENARIO}.")
    return text
