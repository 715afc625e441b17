"""Nodes behind a driver's round robin, each with a schema of its own that changes at a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from struct import pack
from types import SimpleNamespace
from typing import Any

from cassandra import InvalidRequest, OperationTimedOut, Unauthorized

from hintferry.core.errors import Side
from hintferry.core.schema import TableId

ORDERS = TableId("shop", "orders")
Cells = tuple[bytes, ...]


def column(name: str, kind: str = "regular", place: int = -1, cql_type: str = "text") -> Cells:
    return name.encode(), kind.encode(), pack(">i", place), b"none", cql_type.encode()


KEY = column("id", "partition_key", 0, "int")


@dataclass(frozen=True)
class ReportedSchema:
    """Schema that a node reports: the one table (None: not there) with its columns and masks."""

    version: bytes
    columns: tuple[Cells, ...] | None
    altered_us: int = 0
    masked: tuple[str, ...] = ()
    types: tuple[Cells, ...] = ()
    default_ttl: int = 0


OLD = ReportedSchema(b"v1", (KEY, column("a")), 100)
NEW = ReportedSchema(b"v2", (KEY, column("a"), column("c")), 200)


@dataclass(eq=False)
class Host:
    """A node; `later` holds at the time when it learns a schema."""

    address: str
    schema: ReportedSchema
    later: tuple[float, ReportedSchema] | None = None
    is_up: bool | None = True
    is_silent: bool = False
    has_masks: bool = True
    unmasks: bool = True
    datacenter: str = "dc1"
    release_version: str | None = "5.0.9"


@dataclass
class ResultSet:
    rows: list[Any]
    response_future: Any

    def all(self) -> list[Any]:
        return self.rows


@dataclass
class Cluster:
    """The driver's session and ours in one; `now` is a clock that each request moves on."""

    hosts: list[Host]
    now: float = 100.0
    turn: int = 0
    forgotten: int = 0
    asked: list[tuple[str, str]] = field(default_factory=list)
    side: Side = Side.SOURCE
    roles: Mapping[str, bool] = field(default_factory=lambda: {"hintferry": False})
    """The roles that the login may list, and whether each is a superuser."""

    granted: set[str] = field(default_factory=set)
    own: str | None = "hintferry"
    refuses_lists: bool = False

    @property
    def cluster(self) -> Any:
        provider = None if self.own is None else SimpleNamespace(username=self.own)
        metadata = SimpleNamespace(all_hosts=lambda: list(self.hosts))
        return SimpleNamespace(metadata=metadata, auth_provider=provider)

    def current(self) -> Cluster:
        return self

    def doubt(self, error: Exception) -> None:
        pass

    def still_serves(self) -> bool:
        return True

    def forget_statements(self) -> None:
        self.forgotten += 1

    def monotonic(self) -> float:
        return self.now

    def execute(self, text: str, values: Any = None, timeout: float = 0) -> ResultSet:
        up = [host for host in self.hosts if host.is_up and not host.is_silent]
        self.turn += 1
        host = up[self.turn % len(up)]
        return self._answer(host, text, values)

    def execute_async(
        self, text: str, values: Any = None, timeout: float = 0, host: Any = None
    ) -> Any:
        try:
            answer = self._answer(host, text, values)
        except Exception as error:  # noqa: BLE001 - as the driver's future does
            failure = error

            def fail() -> Any:
                raise failure

            return SimpleNamespace(result=fail)
        return SimpleNamespace(result=lambda: answer)

    def _answer(self, host: Host, text: str, values: Any) -> ResultSet:
        self.now += 0.001
        self.asked.append((host.address, text))
        if host.is_silent or not host.is_up:
            raise OperationTimedOut
        rows = self._rows(host, text)
        return ResultSet(rows, SimpleNamespace(coordinator_host=host))

    def _rows(self, host: Host, text: str) -> list[Any]:
        told = host.schema if host.later is None or self.now < host.later[0] else host.later[1]
        if "schema_version" in text:
            return [(told.version,)]
        if "system_schema.tables" in text:
            of_table = pack(">q", told.altered_us), pack(">i", told.default_ttl)
            return [] if told.columns is None else [of_table]
        if "system_schema.columns" in text:
            return list(told.columns or ())
        if "system_schema.types" in text:
            return list(told.types)
        if "column_masks" in text:
            if not host.has_masks:
                raise InvalidRequest("unconfigured table column_masks")
            return [(name.encode(),) for name in told.masked]
        return self._permissions(host, text)

    def _permissions(self, host: Host, text: str) -> list[Any]:
        if " IN ()" in text:
            if not host.unmasks:
                raise Unauthorized("has no UNMASK nor SELECT_MASKED permission")
            return []
        if text.startswith("LIST ROLES"):
            named = {self.own} if " OF " in text else set(self.roles)
            return [
                (name.encode(), b"\1" if is_super else b"\0")
                for name, is_super in self.roles.items()
                if name in named
            ]
        if self.refuses_lists:
            raise InvalidRequest(
                "LIST PERMISSIONS operation is not supported by AllowAllAuthorizer"
            )
        return [(b"row",)] if text.rpartition(" OF ")[2].strip('"') in self.granted else []
