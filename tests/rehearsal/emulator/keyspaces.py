"""Amazon Keyspaces as far as definitions go: a name is given once, nothing is dropped or undone."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from hintferry.core.schema import Table, TableId
from hintferry_ops.fit.schema_file import schema_of

_KEYSPACE = re.compile(r"CREATE KEYSPACE (IF NOT EXISTS )?\"?(\w+)\"?")
_PROPERTY = re.compile(r"ALTER TABLE \"?(\w+)\"?\.\"?(\w+)\"? WITH CUSTOM_PROPERTIES = \{'(\w+)'")
_TAGS = re.compile(r'ALTER TABLE "(\w+)"\."(\w+)" (ADD|DROP) TAGS (.*)')
_CREATED = re.compile(r"CREATE TABLE (?:IF NOT EXISTS )?\"?(\w+)\"?\.\"?(\w+)\"?")


class Keyspaces:
    """What was run, one statement after the other; every table is ACTIVE at once."""

    def __init__(self) -> None:
        self.ran: list[str] = []
        self.keyspaces: set[str] = set()
        self._on: dict[TableId, set[str]] = {}
        self.tags: dict[TableId, dict[str, str]] = {}

    def run(self, statement: str) -> None:
        """Raises ConfigurationError, as the service refuses, for a name that is taken."""
        if keyspace := _KEYSPACE.match(statement):
            assert keyspace[1] or keyspace[2] not in self.keyspaces, f"{keyspace[2]} exists"
            self.keyspaces.add(keyspace[2])
            return
        if changed := _TAGS.match(statement):
            self._tag(TableId(changed[1], changed[2]), changed[3], changed[4])
            return
        if statement.startswith("ALTER TYPE"):
            raise ValueError("ALTER TYPE is not supported")
        if (made := _CREATED.match(statement)) and self._schema().get(TableId(*made.groups())):
            assert "IF NOT EXISTS" in statement, f"{made[1]}.{made[2]} already exists"
            return
        schema_of(";\n".join([*self.ran, statement]), "rehearsal")
        self.ran.append(statement)
        if made:
            found = re.findall(r"'(\w+)': \{'status': 'enabled'\}", statement)
            self._on.setdefault(TableId(*made.groups()), set()).update(found)
            self._tag(TableId(*made.groups()), "ADD", statement.partition(" TAGS = ")[2])
        elif altered := _PROPERTY.match(statement):
            self._on.setdefault(TableId(altered[1], altered[2]), set()).add(altered[3])

    def table(self, table: TableId) -> Table | None:
        return self._schema().get(table)

    def status(self, table: TableId) -> tuple[str, Mapping[str, Any]]:
        if table not in self._schema():
            return "", {}
        return "ACTIVE", {name: {"status": "enabled"} for name in self._on.get(table, ())}

    def fields(self, keyspace: str, name: str) -> tuple[tuple[str, str], ...]:
        types = schema_of(";\n".join(self.ran), "rehearsal").types.get(keyspace, ())
        return next((one.fields for one in types if one.name == name), ())

    def _tag(self, table: TableId, do: str, text: str) -> None:
        theirs = self.tags.setdefault(table, {})
        for key, value in re.findall(r"'([^']+)': '([^']+)'", text):
            if do == "ADD":
                theirs[key] = value
            else:
                theirs.pop(key, None)

    def tables(self) -> list[TableId]:
        """Every table that is there."""
        return list(self._schema())

    def drop(self, keyspace: str) -> None:
        """With its types and tables. Raises LookupError."""
        if keyspace not in self.keyspaces:
            raise LookupError(f"Keyspace {keyspace} not found")
        self.keyspaces.remove(keyspace)
        of_it = re.compile(rf"^\w+ \w+ (IF NOT EXISTS )?\"?{keyspace}\"?\.")
        self.ran = [one for one in self.ran if not of_it.match(one)]
        for known in (self._on, self.tags):
            for table in [one for one in known if one.keyspace == keyspace]:
                del known[table]

    def state(self) -> dict[str, Any]:
        """For a test to look at."""
        return {
            "ran": self.ran,
            "tags": {str(table): tags for table, tags in self.tags.items()},
            "columns": {
                str(table): [column.name for column in made.columns]
                for table, made in self._schema().items()
            },
        }

    def _schema(self) -> Mapping[TableId, Table]:
        return schema_of(";\n".join(self.ran), "rehearsal").tables
