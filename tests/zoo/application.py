"""An application of the zoo, read from its folder.

`schema.cql` is made after its published schema. `-- Fatal: TABLE words` says which table cannot be
migrated, and how the refusal begins; `-- @off` stands before a statement that Cassandra refuses
unless cassandra.yaml allows it. `workload.cql` holds statements that the application is known
for, in the manner of the scenarios (`tests/scenarios/script.py`). `$ks` is its keyspace.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from hintferry_ops.fit.misfits import Schema
from hintferry_ops.fit.schema_file import schema_of
from tests.scenarios.script import Step, steps

_FATAL = re.compile(r"^-- Fatal: (\w+) (.*)$", re.MULTILINE)
_REMARK = re.compile(r"^--.*\n", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Application:
    """Texts with the keyspace's name put in."""

    name: str
    schema: str
    workload: str

    @property
    def keyspace(self) -> str:
        return f"zoo_{self.name.replace('-', '_')}"

    @property
    def ddl(self) -> list[str]:
        """Return the statements in order, without those that Cassandra has switched off."""
        texts = self.schema.strip().removesuffix(";").split(";\n")
        return [_REMARK.sub("", one) for one in texts if not one.startswith("-- @off\n")]

    @property
    def known(self) -> Schema:
        return schema_of(self.schema, self.name)

    @property
    def refused(self) -> dict[str, str]:
        """The tables that cannot be migrated, as `keyspace.table`, each with the words for it."""
        return {f"{self.keyspace}.{name}": words for name, words in _FATAL.findall(self.schema)}

    @property
    def carried(self) -> list[str]:
        """All other tables."""
        return [str(table) for table in self.known.tables if str(table) not in self.refused]

    @property
    def steps(self) -> list[Step]:
        return steps(self.workload)


def application(folder: Path) -> Application:
    """Read a folder."""
    keyspace = f"zoo_{folder.name.replace('-', '_')}"
    texts = ((folder / name).read_text() for name in ("schema.cql", "workload.cql"))
    schema, workload = (text.replace("$ks", keyspace) for text in texts)
    return Application(folder.name, schema, workload)


APPLICATIONS = [
    application(path.parent) for path in sorted(Path(__file__).parent.glob("*/schema.cql"))
]
