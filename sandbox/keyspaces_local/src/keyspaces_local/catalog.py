"""The keyspaces and tables, and their settings: in memory, and in `system_schema_mcs`.

The real keyspace `system_schema_mcs` in the Cassandra behind is the record that survives; clients
read it there themselves. This module owns its tables and keeps memory and record in step. Knows no
wire and no rule but that a table must be known to be used.
"""

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID, uuid5

from keyspaces_local import rules, schema
from keyspaces_local.admin import AdminSession
from keyspaces_local.properties import Properties, TableSettings, defaults
from keyspaces_local.reader import Reader
from keyspaces_local.rules import Refusal
from keyspaces_local.tokens import literal

RECORD = "system_schema_mcs"
SYSTEM_KEYSPACES = ("system", "system_schema", RECORD, "system_multiregion_info")
SHOWN_REPLICATION = {
    "class": "org.apache.cassandra.locator.SimpleStrategy",
    "replication_factor": "3",
}
"""The replication that the service shows for every single-Region keyspace, its system keyspaces
included."""

_HIDDEN = frozenset(
    {
        *SYSTEM_KEYSPACES,
        "system_auth",
        "system_distributed",
        "system_traces",
        "system_views",
        "system_virtual_schema",
        "system_cluster_metadata",
    }
)
_TABLES = (
    "peers (peer inet PRIMARY KEY, data_center text, host_id uuid, preferred_ip inet, rack text,"
    " release_version text, rpc_address inet, schema_version uuid, tokens set<text>)",
    "keyspaces (keyspace_name text PRIMARY KEY, durable_writes boolean,"
    " replication frozen<map<text, text>>)",
    "tables (keyspace_name text, table_name text, comment text, creation_time timestamp,"
    " custom_properties frozen<map<text, frozen<map<text, text>>>>, default_time_to_live int,"
    " status text, PRIMARY KEY (keyspace_name, table_name))",
    "tags (resource_id text PRIMARY KEY, keyspace_name text, resource_name text,"
    " resource_type text, tags frozen<map<text, text>>)",
)


class Catalog:
    """The tables by (keyspace, table), and the keyspaces, as clients of the service see them."""

    def __init__(self, admin: AdminSession, region: str) -> None:
        self._admin = admin
        self._region = region
        self.keyspaces: set[str] = set()
        self.tables: dict[tuple[str, str], TableSettings] = {}

    def settings(self, keyspace: str | None, table: str) -> TableSettings:
        """The settings of a table that exists; raises `Refusal` for one that does not."""
        if keyspace is None:
            raise Refusal(rules.NO_KEYSPACE)
        found = self.tables.get((keyspace, table))
        if found is None:
            if keyspace not in self.keyspaces:
                raise Refusal(rules.UNKNOWN_KEYSPACE, keyspace=keyspace)
            raise Refusal(rules.UNCONFIGURED_TABLE, keyspace=keyspace, table=table)
        return found

    async def load(self, replication: str, now_ms: int) -> None:
        """Makes the record where absent, reads it, and repairs what a crash left in it."""
        await self._admin.query(
            f"CREATE KEYSPACE IF NOT EXISTS {RECORD} WITH replication = {replication}"
        )
        for table in _TABLES:
            await self._admin.query(f"CREATE TABLE IF NOT EXISTS {RECORD}.{table}")
        for name in SYSTEM_KEYSPACES:
            await self._record_keyspace(name)
        await self._load_keyspaces()
        await self._load_tables(now_ms)

    async def show_peers(self, hosts: Sequence[str], version: UUID, release: str) -> None:
        """Makes `system.peers` show these addresses, and no other."""
        for row in await self._admin.rows(f"SELECT peer FROM {RECORD}.peers"):
            await self._admin.execute(f"DELETE FROM {RECORD}.peers WHERE peer = ?", row)
        region = literal(self._region)
        for number, host in enumerate(hosts):
            address, token = literal(host), literal(str(number * (2**63 // len(hosts))))
            await self._admin.query(
                f"INSERT INTO {RECORD}.peers (peer, preferred_ip, rpc_address, data_center, rack,"
                " release_version, tokens, host_id, schema_version)"
                f" VALUES ({address}, {address}, {address}, {region}, {region},"
                f" {literal(release)}, {{{token}}}, {uuid5(version, host)}, {version})"
            )

    async def add_keyspace(self, keyspace: str) -> None:
        await self._record_keyspace(keyspace)
        self.keyspaces.add(keyspace)

    async def remove_keyspace(self, keyspace: str) -> None:
        name = literal(keyspace)
        self.keyspaces.discard(keyspace)
        for key in [key for key in self.tables if key[0] == keyspace]:
            del self.tables[key]
        await self._admin.query(f"DELETE FROM {RECORD}.tables WHERE keyspace_name = {name}")
        await self._admin.query(f"DELETE FROM {RECORD}.keyspaces WHERE keyspace_name = {name}")
        await self._admin.query(
            f"DELETE FROM {RECORD}.tags WHERE resource_id = {literal(self.resource(keyspace))}"
        )

    async def save_table(self, settings: TableSettings, *, created_ms: int | None = None) -> None:
        """Writes the settings to the record; `created_ms` for a new table."""
        columns = {
            "keyspace_name": literal(settings.keyspace),
            "table_name": literal(settings.table),
            "comment": literal(settings.comment),
            "custom_properties": _properties_literal(settings.properties),
            "default_time_to_live": str(settings.default_ttl),
            "status": literal(settings.status),
        }
        if created_ms is not None:
            columns["creation_time"] = str(created_ms)
        await self._admin.query(
            f"INSERT INTO {RECORD}.tables ({', '.join(columns)})"
            f" VALUES ({', '.join(columns.values())})"
        )

    def publish(self, settings: TableSettings) -> None:
        """Lets statements see the table."""
        self.tables[settings.keyspace, settings.table] = settings

    async def remove_table(self, keyspace: str, table: str) -> None:
        self.tables.pop((keyspace, table), None)
        await self._admin.query(
            f"DELETE FROM {RECORD}.tables WHERE keyspace_name = {literal(keyspace)}"
            f" AND table_name = {literal(table)}"
        )
        resource = literal(self.resource(keyspace, table))
        await self._admin.query(f"DELETE FROM {RECORD}.tags WHERE resource_id = {resource}")

    async def save_tags(self, keyspace: str, table: str | None, tags: dict[str, str]) -> None:
        kind, name = ("keyspace", keyspace) if table is None else ("table", table)
        cells = (self.resource(keyspace, table), keyspace, name, kind)
        await self._admin.query(
            f"INSERT INTO {RECORD}.tags (resource_id, keyspace_name, resource_name,"
            f" resource_type, tags) VALUES ({', '.join(map(literal, cells))},"
            f" {_map_literal(tags)})"
        )

    def resource(self, keyspace: str, table: str | None = None) -> str:
        """The ARN of a keyspace or table, with the account number of the documentation."""
        arn = f"arn:aws:cassandra:{self._region}:111122223333:/keyspace/{keyspace}/"
        return arn if table is None else f"{arn}table/{table}"

    async def _record_keyspace(self, keyspace: str) -> None:
        await self._admin.query(
            f"INSERT INTO {RECORD}.keyspaces (keyspace_name, durable_writes, replication)"
            f" VALUES ({literal(keyspace)}, true, {_map_literal(SHOWN_REPLICATION)})"
        )

    async def _load_keyspaces(self) -> None:
        real = await self._names("SELECT keyspace_name FROM system_schema.keyspaces")
        recorded = await self._names(f"SELECT keyspace_name FROM {RECORD}.keyspaces")
        self.keyspaces = {name for (name,) in real} - _HIDDEN
        for keyspace in self.keyspaces - {name for (name,) in recorded}:
            await self._record_keyspace(keyspace)
        for (keyspace,) in recorded:
            if keyspace not in self.keyspaces and keyspace not in SYSTEM_KEYSPACES:
                await self.remove_keyspace(keyspace)

    async def _load_tables(self, now_ms: int) -> None:
        """Reads the record; the schema behind decides which tables there are."""
        real = {
            (keyspace, table)
            for keyspace, table in await self._names(
                "SELECT keyspace_name, table_name FROM system_schema.tables"
            )
            if keyspace in self.keyspaces
        }
        for row in await self._admin.rows(
            "SELECT keyspace_name, table_name, status, custom_properties, default_time_to_live,"
            f" comment FROM {RECORD}.tables"
        ):
            settings = _settings(row)
            if (settings.keyspace, settings.table) in real:
                self.publish(settings)
            else:
                await self.remove_table(settings.keyspace, settings.table)
        for keyspace, table in real - set(self.tables):
            settings = TableSettings(keyspace, table, properties=defaults(now_ms))
            await self.save_table(settings, created_ms=now_ms)
            self.publish(settings)
        await self._load_schemas()
        for settings in self.tables.values():
            if settings.status != "ACTIVE":
                settings.status = "ACTIVE"
                await self.save_table(settings)

    async def read_schema(self, settings: TableSettings) -> None:
        """Learns a table's columns, after a change of the table."""
        rows = await self._admin.rows(
            f"{schema.QUERY} WHERE keyspace_name = {literal(settings.keyspace)}"
            f" AND table_name = {literal(settings.table)}"
        )
        found = schema.schemas(rows).get((settings.keyspace, settings.table))
        if found is not None:
            found = replace(found, udts=(await self._udts()).get(settings.keyspace, {}))
        settings.schema, settings.version = found, settings.version + 1

    async def _load_schemas(self) -> None:
        udts = await self._udts()
        for key, found in schema.schemas(await self._admin.rows(schema.QUERY)).items():
            if key in self.tables:
                self.tables[key].schema = replace(found, udts=udts.get(key[0], {}))

    async def _udts(self) -> dict[str, dict[str, tuple[str, ...]]]:
        return schema.udts(await self._admin.rows(schema.TYPES_QUERY))

    async def _names(self, cql: str) -> list[tuple[str, ...]]:
        rows = await self._admin.rows(cql)
        return [tuple((cell or b"").decode() for cell in row) for row in rows]


def _settings(row: list[bytes | None]) -> TableSettings:
    keyspace, table, status, properties, default_ttl, comment = (cell or b"" for cell in row)
    return TableSettings(
        keyspace.decode(),
        table.decode(),
        status.decode(),
        _properties(properties),
        int.from_bytes(default_ttl, "big"),
        comment.decode(),
    )


def _properties(cell: bytes) -> Properties:
    return {name.decode(): _text_map(fields) for name, fields in _map_entries(cell)}


def _text_map(cell: bytes) -> dict[str, str]:
    return {key.decode(): text.decode() for key, text in _map_entries(cell)}


def _map_entries(cell: bytes) -> list[tuple[bytes, bytes]]:
    if not cell:
        return []
    reader = Reader(cell)
    return [(reader.value() or b"", reader.value() or b"") for _ in range(reader.i32())]


def _properties_literal(properties: Properties) -> str:
    entries = (f"{literal(name)}: {_map_literal(fields)}" for name, fields in properties.items())
    return "{" + ", ".join(entries) + "}"


def _map_literal(fields: dict[str, str]) -> str:
    return "{" + ", ".join(f"{literal(key)}: {literal(v)}" for key, v in fields.items()) + "}"
