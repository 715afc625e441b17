"""The record of finished passes, in a control table of the target."""

from __future__ import annotations

import json
from struct import pack, unpack

from hintferry.adapters.driver import cql
from hintferry.adapters.driver.catalog import execute_raw
from hintferry.adapters.driver.errors import translate
from hintferry.adapters.driver.session import CqlSession
from hintferry.adapters.source import captures
from hintferry.core.passes import Pass, Verb
from hintferry.core.schema import TableId

CqlRow = tuple[bytes, ...]


class KeyspacesPasses:
    """Enters and lists passes. Raises SideFault where the target does not take or tell them."""

    def __init__(self, session: CqlSession) -> None:
        self._session = session

    def enter(self, one: Pass) -> None:
        """Keep a finished pass."""
        values = [
            str(one.table).encode(),
            one.verb.value.encode(),
            _millis(one.began),
            _millis(one.ended),
            _flag(one.at_all),
            _flag(one.is_clean),
            json.dumps(dict(one.sums)).encode(),
            json.dumps(captures.as_tree(one.proof)).encode(),
        ]
        self._execute(cql.ENTER_PASS, values)

    def of(self, table: TableId, since: float) -> list[Pass]:
        """Every backfill of a table, and the verify passes that began since then (epoch s).

        The one that began last is the first.
        """
        found = [
            _pass(table, verb, row)
            for verb, first in ((Verb.BACKFILL, 0.0), (Verb.VERIFY, since))
            for row in self._rows(table, verb, first)
        ]
        return sorted(found, key=lambda one: one.began, reverse=True)

    def _rows(self, table: TableId, verb: Verb, since: float) -> list[CqlRow]:
        values = [str(table).encode(), verb.value.encode(), _millis(since)]
        return self._execute(cql.PASSES, values)

    def _execute(self, text: str, values: list[bytes]) -> list[CqlRow]:
        try:
            return execute_raw(self._session, text, values)
        except Exception as error:
            self._session.doubt(error)
            raise translate(self._session, error) from error


def _pass(table: TableId, verb: Verb, row: CqlRow) -> Pass:
    began, ended, at_all, is_clean, sums, proof = row
    return Pass(
        table,
        verb,
        unpack(">q", began)[0] / 1000,
        unpack(">q", ended)[0] / 1000,
        at_all == b"\x01",
        is_clean == b"\x01",
        json.loads(sums),
        captures.from_tree(json.loads(proof)),
    )


def _millis(seconds: float) -> bytes:
    return pack(">q", int(seconds * 1000))


def _flag(value: bool) -> bytes:
    return b"\x01" if value else b"\x00"
