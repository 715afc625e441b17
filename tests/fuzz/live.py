"""One round on the real chain: a drawn schema on the user's way, its writes live, then compared."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any

from cassandra import ConsistencyLevel, InvalidRequest
from cassandra.cluster import NoHostAvailable
from cassandra.protocol import ConfigurationException, ServerError, SyntaxException
from cassandra.query import SimpleStatement

from hintferry.core.cql_text import quoted
from hintferry.core.limits import SECOND_LOOK_AFTER_S
from hintferry.core.schema import TableId
from sandbox.chain import Chain
from sandbox.compare import Difference, compare_table
from sandbox.parts.errors import SandboxError
from sandbox.sessions import cassandra_session, define, keyspaces_session
from sandbox.stack import Stack
from tests.fuzz.case import Case, OneTable, OneType, Spelling, ddl, renamed
from tests.fuzz.draw import SHORT_TTL_S, draw_case, draw_keyspaces
from tests.fuzz.faults import Fault, FaultKind, unfit
from tests.fuzz.limits import Limit, limit_of
from tests.fuzz.statements import statements
from tests.fuzz.user import Operator

_REFUSED = (InvalidRequest, SyntaxException, ConfigurationException, ServerError)
_ROUNDS_OF_ADVICE = 4
_EQUAL_S, _MADE_S = 60.0, 10.0
_SOON_S, _LATE_S = 15.0, 3.0
"""A value may expire on the target so much later than on the source."""

_BETWEEN_LOOKS_S = 0.3


def live_case(seed: int, number: int, *, tables: int, writes: int, vectors: bool) -> Case:
    """Return the schema and the writes of one run; its keyspaces are no other run's."""
    drawn = f"live/{seed}/{number}"
    keyspaces = draw_keyspaces(Random(drawn), f"{seed}_{number}")
    return draw_case(drawn, keyspaces, tables=tables, writes=writes, vectors=vectors, masks=False)


@dataclass(slots=True)
class Round:
    """Round of a case: what it did, and what it found."""

    faults: list[Fault] = field(default_factory=list)
    tables: int = 0
    left_out: dict[TableId, str] = field(default_factory=dict)
    written: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    """what Cassandra itself did not take, by its words"""
    limits: Counter[Limit] = field(default_factory=Counter)
    """of the rows that differed by one"""
    late: list[str] = field(default_factory=list)
    """what was equal only after a while, and the last that differed"""
    seconds: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Past:
    """Remains of a round, and their time (monotonic)."""

    ended: float
    keyspaces: list[str]
    tables: tuple[OneTable, ...]


class Bench:
    """A sandbox on which rounds run one after the other.

    What was made stays for as long as second looks may come; `settle` looks at it once more.
    """

    def __init__(self, stack: Stack, folder: Path) -> None:
        self._stack, self._folder = stack, folder
        self._past: list[_Past] = []

    def run(self, case: Case, name: str, *, verified: int) -> Round:
        """Run a case; `verified`: so many of its tables are verified by the command too."""
        done, operator = Round(), Operator(self._stack, self._folder / name)
        try:
            with cassandra_session(self._stack.source) as source:
                self._run(case, done, operator, source, verified)
        except SandboxError:
            raise
        except NoHostAvailable as error:
            done.faults.append(Fault(FaultKind.SOURCE, None, str(error)))
        except Exception as error:  # noqa: BLE001 - it is what is looked for
            done.faults.append(Fault(FaultKind.DEFECT, None, f"{type(error).__name__}: {error}"))
        return done

    def settle(self, older_than_s: float) -> list[Fault]:
        """Compare what was made so long ago once more, and drop it: nothing may undo it later."""
        old = [one for one in self._past if time.monotonic() - one.ended > older_than_s]
        self._past = [one for one in self._past if one not in old]
        faults: list[Fault] = []
        endpoint = self._stack.target
        began = time.monotonic()
        with cassandra_session(self._stack.source) as source, keyspaces_session(endpoint) as target:
            for table in (table for one in old for table in one.tables):
                if found := self._differences(table, source, Round(), began, with_limits=False):
                    faults.append(_differs(table.id, found, "all this time after the round"))
            for keyspace in (keyspace for one in old for keyspace in one.keyspaces):
                for side in (source, target):
                    side.execute(f"DROP KEYSPACE IF EXISTS {quoted(keyspace)}")
        return faults

    def finish(self) -> list[Fault]:
        """Let the last second looks come, then settle all."""
        folder = self._folder / "last"
        with Chain(self._stack, [], folder) as chain:
            chain.replay.drain(SECOND_LOOK_AFTER_S + _EQUAL_S)
        return [*self._parked(folder), *self.settle(0.0)]

    def _run(self, case: Case, done: Round, operator: Operator, source: Any, verified: int) -> None:
        lap = _laps(done.seconds)
        made = self._made(source, case, done)
        lap("made")
        fit = self._advised(made, operator, source, done)
        lap("advised")
        fit = self._mirrored(fit, operator, done)
        lap("mirrored")
        fit = replace(fit, tables=tuple(self._captured(fit.tables, done)))
        done.tables = len(fit.tables)
        lap("captured")
        if not fit.tables:
            return
        folder = operator.folder / "functions"
        chain = Chain(self._stack, [str(table.id) for table in fit.tables], folder)
        (folder / "migration.toml").write_text(operator.config.read_text())
        with chain:
            lap("started")
            self._write(fit, source, done)
            lap("written")
            limited = self._compare(fit, source, chain, done)
            lap("equal")
            done.faults += operator.verify(
                [one.id for one in fit.tables if one not in limited][:verified]
            )
            lap("verified")
            self._repair(limited, operator, source, chain, done)
            lap("repaired")
        done.faults += self._parked(folder, fit.tables)
        # What differed already is a fault of this round; after it, it says nothing new.
        differed = {fault.where for fault in done.faults}
        equal = tuple(table for table in fit.tables if table.id not in differed)
        self._past.append(_Past(time.monotonic(), case.keyspaces, equal))

    def _made(self, source: Any, case: Case, done: Round) -> Case:
        """Make it on the source; without what Cassandra refuses."""
        for keyspace in case.keyspaces:
            source.execute(
                f"CREATE KEYSPACE {quoted(keyspace)} WITH replication = {self._stack.replication}"
            )
        made = [one for one, text in ddl(case, Spelling(bare=True)) if _taken(source, text, done)]
        tables = tuple(one for one in made if isinstance(one, OneTable))
        return Case(tuple(one for one in made if isinstance(one, OneType)), tables)

    def _advised(self, case: Case, operator: Operator, source: Any, done: Round) -> Case:
        """Follow what the commands say until they find nothing; return what is migrated."""
        if not case.tables:
            return case
        # A keyspace that a smaller case has no table in is none that a user would name.
        answer = operator.init(list(dict.fromkeys(table.id.keyspace for table in case.tables)))
        if answer.status:
            done.faults.append(Fault(FaultKind.NEEDLESS, None, answer.words))
            return Case()
        expected = unfit(case)
        others: tuple[str, ...] = ()
        for _ in range(_ROUNDS_OF_ADVICE):
            advice = operator.advice([table.id for table in case.tables])
            others = advice.others
            for table, reason in advice.left_out.items():
                operator.leave_out(table)
                done.left_out[table] = reason
                if table not in expected:
                    done.faults.append(Fault(FaultKind.NEEDLESS, table, reason))
            case = replace(
                case, tables=tuple(one for one in case.tables if one.id not in done.left_out)
            )
            for statement in advice.statements:
                source.execute(statement)
            if not advice.statements and not advice.left_out:
                break
        done.faults += [Fault(FaultKind.ADVICE, None, what) for what in others]
        return case

    def _mirrored(self, case: Case, operator: Operator, done: Round) -> Case:
        """Make on the target what `schema` prints."""
        if not case.tables:
            return case
        answer = operator.run("schema")
        if answer.status:
            done.faults.append(Fault(FaultKind.ADVICE, None, f"schema: {answer.words}"))
            return Case()
        with keyspaces_session(self._stack.target) as target:
            for text in (*answer.told["control"], *answer.told["tables"]):
                try:
                    define(target, [text], _MADE_S)
                except (*_REFUSED, TimeoutError) as error:
                    done.faults.append(Fault(FaultKind.NOT_MADE, None, f"{error}: {text}"))
                    return Case()
        answer = operator.run("preflight", "--only", "target")
        if answer.status:
            found = str(answer.told["findings"]) if answer.told else answer.words
            done.faults.append(Fault(FaultKind.ADVICE, None, f"the target: {found}"))
            return Case()
        return case

    def _captured(self, tables: Sequence[OneTable], done: Round) -> Iterator[OneTable]:
        try:
            self._stack.create_tables()
        except SandboxError as error:
            done.faults.append(Fault(FaultKind.NOT_CAPTURED, None, str(error)))
            return
        yield from tables

    def _write(self, case: Case, source: Any, done: Round) -> None:
        """Run the writes of all tables, one of each in turn."""
        left = [statements(case, table) for table in case.tables]
        while left:
            for writes in list(left):
                text = next(writes, None)
                if text is None:
                    left.remove(writes)
                else:
                    done.written += _taken(source, text, done)

    def _compare(self, case: Case, source: Any, chain: Chain, done: Round) -> list[OneTable]:
        """Wait until all are equal; return the tables that a known limit keeps from it."""
        if any(table.expires for table in case.tables):
            time.sleep(SHORT_TTL_S + _LATE_S)
        limited, written = [], time.monotonic()
        for table in case.tables:
            found = self._differences(table, source, done, written, with_limits=True)
            limits = [self._limit(table, one) for one in found]
            done.limits.update(filter(None, limits))
            if None in limits:
                done.faults.append(_differs(table.id, found, chain.last_error))
            elif found:
                limited.append(table)
        return limited

    def _repair(
        self, limited: list[OneTable], operator: Operator, source: Any, chain: Chain, done: Round
    ) -> None:
        """Check that `verify --repair` repairs what limits.md says that it repairs."""
        done.faults += operator.repair([table.id for table in limited])
        repaired = time.monotonic()
        for table in limited:
            if found := self._differences(table, source, done, repaired, with_limits=False):
                done.faults.append(_differs(table.id, found, chain.last_error))

    def _differences(
        self, table: OneTable, source: Any, done: Round, began: float, *, with_limits: bool
    ) -> Sequence[Difference]:
        """Return what still differs a while after `began`, but for what allowed limits explain.

        All tables of a round wait from that time (monotonic), so that each does not add its own.
        """
        before = ""
        with cassandra_session(self._stack.behind) as behind:
            while True:
                found = compare_table(source, behind, str(table.id)).differences
                explained = with_limits and all(self._limit(table, one) for one in found)
                lasted = time.monotonic() - began
                if not found or explained or lasted > _EQUAL_S:
                    if before and lasted > _SOON_S:
                        done.late.append(f"{table.id} after {lasted:.0f} s: {before}")
                    return found
                before = str(found[0])
                time.sleep(_BETWEEN_LOOKS_S)

    def _limit(self, table: OneTable, difference: Difference) -> Limit | None:
        return limit_of(table, difference, exact=self._stack.release.version != "4.1")

    def _parked(self, folder: Path, of: Sequence[OneTable] = ()) -> Iterator[Fault]:
        """Yield what the functions of a chain parked, or failed with, of whatever round."""
        tables = [table.id for one in (*(past.tables for past in self._past), of) for table in one]
        logs = [log.read_text(errors="replace") for log in sorted(folder.glob("*.log"))]
        for line in "".join(logs).splitlines():
            if "Traceback" in line:
                yield Fault(FaultKind.DEFECT, None, line[:1000])
            if '"message":"parked"' in line:
                where = next((one for one in tables if str(one) in line), None)
                yield Fault(FaultKind.PARKED, where, line[:1000])


def _taken(source: Any, text: str, done: Round) -> bool:
    """Return whether Cassandra takes the statement."""
    try:
        source.execute(SimpleStatement(text, consistency_level=ConsistencyLevel.QUORUM), timeout=60)
    except _REFUSED as error:
        done.refused[f"{error}"[:160]] += 1
        return False
    return True


def _differs(table: TableId, found: Sequence[Difference], when: str | None) -> Fault:
    said = f"{len(found)} rows: {'; '.join(map(str, found[:3]))}; {when}"
    return Fault(FaultKind.DIFFERS, table, said)


def _laps(seconds: dict[str, float]) -> Any:
    last = [time.monotonic()]

    def lap(name: str) -> None:
        now = time.monotonic()
        seconds[name], last[0] = round(now - last[0], 1), now

    return lap


def together(bench: Bench, cases: Sequence[Case], name: str) -> list[list[Fault]]:
    """Run several cases in one round, each in keyspaces of its own; return the faults of each.

    A fault of no single table is that of all of them, so they are run one by one then.
    """
    apart = [renamed(case, f"{number}_{name[-20:]}") for number, case in enumerate(cases)]
    types = tuple(one for case in apart for one in case.types)
    tables = tuple(one for case in apart for one in case.tables)
    found = bench.run(Case(types, tables), name, verified=len(tables)).faults
    if len(cases) > 1 and any(fault.where is None for fault in found):
        return [together(bench, [case], f"{name}-{number}")[0] for number, case in enumerate(cases)]
    return [
        [one for one in found if one.where is None or one.where.keyspace in case.keyspaces]
        for case in apart
    ]
