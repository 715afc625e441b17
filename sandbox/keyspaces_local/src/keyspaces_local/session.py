"""Looks at each request of a logged-in client: forward, change, answer or refuse.

Owns the connection's keyspace and what is awaited from the server behind. Knows neither sockets
nor frame cutting (`connection`), and takes every decision from `policy`, `reads` and `writes`.
"""

from collections.abc import Callable

from keyspaces_local import policy, requests, rules
from keyspaces_local.admission import Admission
from keyspaces_local.client import Awaiting, Client
from keyspaces_local.cql import classify
from keyspaces_local.endpoint import Endpoint
from keyspaces_local.policy import Plan
from keyspaces_local.protocol import (
    EXECUTE_TAIL,
    HEADER_SIZE,
    INT,
    SHORT,
    VERSION,
    ErrorCode,
    Opcode,
    ProtocolError,
    QueryFlag,
    ResultKind,
    error_frame,
    frame,
    long_string,
    string_list,
)
from keyspaces_local.reader import Reader
from keyspaces_local.reads import Reads
from keyspaces_local.requests import Parameters
from keyspaces_local.responses import Response
from keyspaces_local.results import View, apply_view
from keyspaces_local.rules import Refusal
from keyspaces_local.statement import DDL, Kind, Statement
from keyspaces_local.tokens import CqlSyntaxError
from keyspaces_local.views import REDIRECTED
from keyspaces_local.writes import Forward, Writes, now_us


class Session:
    """One logged-in client."""

    __slots__ = ("_client", "_endpoint", "_handlers", "_prepared", "_reads", "_writes", "keyspace")

    def __init__(self, endpoint: Endpoint, client: Client) -> None:
        self._endpoint, self._client = endpoint, client
        self._prepared = endpoint.prepared
        admission = Admission(endpoint.conduct, client.deliver, client.cut)
        self._reads = Reads(endpoint.conduct, client, admission)
        self._writes = Writes(endpoint, client, admission)
        self.keyspace: str | None = None
        self._handlers: dict[int, Callable[[bytes, int, int, int], Forward]] = {
            Opcode.EXECUTE: self._execute,
            Opcode.QUERY: self._query,
            Opcode.PREPARE: self._prepare,
            Opcode.BATCH: self._batch,
            Opcode.REGISTER: self._register,
            Opcode.OPTIONS: self._options,
        }

    def request(self, data: bytes, start: int, end: int, stream: int, opcode: int) -> Forward:
        """Decides about the frame at data[start:end]; raises `ProtocolError`."""
        handler = self._handlers.get(opcode)
        if handler is None:
            raise ProtocolError(f"Unexpected message of opcode {opcode:#04x}")
        try:
            return handler(data, start, end, stream)
        except Refusal as refusal:
            self._client.deliver(error_frame(stream, refusal.code, str(refusal)))
        except CqlSyntaxError as error:
            self._client.deliver(error_frame(stream, ErrorCode.SYNTAX_ERROR, str(error)))
        return b""

    def _execute(self, data: bytes, start: int, end: int, stream: int) -> Forward:
        position = start + HEADER_SIZE + SHORT.size
        tail = position + SHORT.unpack_from(data, position - SHORT.size)[0]
        plan = self._prepared.get(data[position:tail])
        if plan is None:
            return self._unprepared(stream, data[position:tail])
        level, flags = EXECUTE_TAIL.unpack_from(data, tail)
        if level not in plan.levels:
            policy.check_consistency(plan, level)
        found = Parameters(level, flags, tail + EXECUTE_TAIL.size, end)
        if plan.is_write:
            return self._writes.statement(data, start, end, stream, plan, found)
        if plan.settings is not None:
            return self._reads.statement(data, start, end, stream, plan, found)
        if view := self._endpoint.views.get(plan.table):
            self._client.awaited[stream] = _shown(view)
            kept = flags & ~QueryFlag.SKIP_METADATA
            return data[start:tail] + EXECUTE_TAIL.pack(level, kept) + data[tail + 3 : end]
        return None

    def _query(self, data: bytes, start: int, end: int, stream: int) -> Forward:
        text, found = requests.query_text(data, start + HEADER_SIZE, end)
        statement = classify(text)
        policy.check_kind(statement)
        if statement.kind is Kind.USE:
            self._client.awaited[stream] = self._use
            return None
        if statement.kind in DDL:
            work = self._endpoint.control.execute(statement, self.keyspace)
            self._client.answer_later(stream, work)
            return b""
        plan = policy.admit(statement, self.keyspace, self._endpoint.catalog)
        policy.check_consistency(plan, found.consistency)
        if view := self._endpoint.views.get(plan.table):
            self._client.awaited[stream] = _shown(view)
        if target := REDIRECTED.get(plan.table):
            body = long_string(_redirected(statement, target)) + data[found.values - 3 : end]
            return frame(stream, Opcode.QUERY, body, VERSION)
        if plan.is_write:
            return self._writes.statement(data, start, end, stream, plan, found)
        if plan.settings is not None:
            return self._reads.statement(data, start, end, stream, plan, found)
        return None

    def _prepare(self, data: bytes, start: int, end: int, stream: int) -> Forward:
        statement = classify(Reader(data, start + HEADER_SIZE, end).long_string())
        policy.check_kind(statement)
        if statement.kind in DDL or statement.kind is Kind.USE:
            name = statement.kind.name.replace("_", " ")
            raise Refusal(rules.PREPARED_DDL, statement=name)
        plan = policy.admit(statement, self.keyspace, self._endpoint.catalog)
        if plan.guarded:
            policy.check_switches(plan, now_us())
        self._client.awaited[stream] = self._remember(plan)
        if target := REDIRECTED.get(plan.table):
            text = long_string(_redirected(statement, target))
            return frame(stream, Opcode.PREPARE, text, VERSION)
        return None

    def _batch(self, data: bytes, start: int, end: int, stream: int) -> Forward:
        request = requests.batch_request(data, start + HEADER_SIZE, end)
        plans: list[Plan] = []
        for entry in request.entries:
            if entry.text is not None:
                statement = classify(entry.text)
                policy.check_kind(statement)
                plans.append(policy.admit(statement, self.keyspace, self._endpoint.catalog))
            elif (plan := self._prepared.get(entry.prepared_id or b"")) is not None:
                plans.append(plan)
            else:
                return self._unprepared(stream, entry.prepared_id or b"")
        policy.check_batch(request.batch_type, plans)
        for plan in plans:
            policy.check_consistency(plan, request.parameters.consistency)
        return self._writes.batch(data, start, end, stream, request, plans)

    def _register(self, data: bytes, start: int, end: int, stream: int) -> Forward:
        """Only schema changes: the other events would tell of the nodes behind."""
        wanted = Reader(data, start + HEADER_SIZE, end).string_list()
        if "SCHEMA_CHANGE" in wanted:
            return frame(stream, Opcode.REGISTER, string_list(["SCHEMA_CHANGE"]), VERSION)
        self._client.deliver(frame(stream, Opcode.READY))
        return b""

    def _options(self, data: bytes, start: int, end: int, stream: int) -> Forward:
        self._client.deliver(frame(stream, Opcode.SUPPORTED, self._endpoint.supported))
        return b""

    def _unprepared(self, stream: int, prepared_id: bytes) -> Forward:
        extra = SHORT.pack(len(prepared_id)) + prepared_id
        text = f"Prepared query with ID {prepared_id.hex()} not found"
        self._client.deliver(error_frame(stream, ErrorCode.UNPREPARED, text, extra))
        return b""

    def _use(self, response: Response) -> bytes:
        if response.kind == ResultKind.SET_KEYSPACE:
            self.keyspace = Reader(response.body, INT.size).string()
        return response.frame

    def _remember(self, plan: Plan) -> Awaiting:
        def remember(response: Response) -> bytes:
            if response.kind == ResultKind.PREPARED:
                self._prepared.put(Reader(response.body, INT.size).short_bytes(), plan)
            return response.frame

        return remember


def _shown(view: View) -> Awaiting:
    def show(response: Response) -> bytes:
        if response.kind != ResultKind.ROWS:
            return response.frame
        body = apply_view(response.body, view)
        return frame(response.stream, Opcode.RESULT, body)

    return show


def _redirected(statement: Statement, target: str) -> str:
    start, end = statement.name_span
    return statement.text[:start] + target + statement.text[end:]
