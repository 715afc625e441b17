"""The way of a write whose statement is known: write time, limits, meters, capacity and faults.

The common way costs no look at the values; the others are `_pass_on`.
"""

import asyncio
import time
from collections.abc import Collection, Mapping, Sequence

from keyspaces_local import policy, requests, unproven
from keyspaces_local.admission import Admission, Demand, Verdict
from keyspaces_local.client import Client
from keyspaces_local.endpoint import Endpoint
from keyspaces_local.pieces import Piece
from keyspaces_local.policy import Plan, deletes_rows
from keyspaces_local.protocol import HEADER_SIZE, INT, Opcode, QueryFlag, ResultKind, frame
from keyspaces_local.requests import BatchRequest, Parameters, batch_request
from keyspaces_local.responses import Response
from keyspaces_local.statement import BatchType
from keyspaces_local.writetime import check_bound, default_time, write_time

Forward = bytes | None
"""What is sent to the Cassandra behind: None the request as it came, bytes in its place, b""
nothing."""

_ENTRY_OVERHEAD = 11
"""The most bytes that a batch's entry has less than an EXECUTE around its values."""

_LOGGED_WRITES = 2
"""A logged batch writes each row twice."""

_DEFAULT_TIMESTAMP = int(QueryFlag.DEFAULT_TIMESTAMP)
_VOID = INT.pack(ResultKind.VOID)


def now_us() -> int:
    return time.time_ns() // 1000


class Writes:
    """The writes of one client."""

    __slots__ = ("_admission", "_client", "_conduct", "_lookups")

    def __init__(self, endpoint: Endpoint, client: Client, admission: Admission) -> None:
        self._conduct, self._lookups = endpoint.conduct, endpoint.lookups
        self._client, self._admission = client, admission

    def statement(
        self, data: bytes, start: int, end: int, stream: int, plan: Plan, found: Parameters
    ) -> Forward:
        """An EXECUTE or QUERY of a modification, or of a batch as text."""
        conduct, now, forward = self._conduct, now_us(), None
        if (
            plan.parts
            or plan.range_delete
            or conduct.gated
            or conduct.unproven
            or conduct.exact_deletes
        ):
            return self._closely(data, start, end, stream, plan, found, now)
        if plan.guarded:
            policy.check_switches(plan, now)
            check_bound(data, plan, found, now)
        if found.flags & _DEFAULT_TIMESTAMP:
            forward = default_time(data, start, end, (plan,), now)
        self._count(plan, self._units(data, end - start, plan, found), 1)
        return forward

    def _closely(
        self,
        data: bytes,
        start: int,
        end: int,
        stream: int,
        plan: Plan,
        found: Parameters,
        now: int,
    ) -> Forward:
        """Work like `statement`, for what capacity, faults, a range or the unproven concern, and
        batches as text.
        """
        if plan.guarded:
            policy.check_switches(plan, now)
        for part in (plan, *plan.parts):
            check_bound(data, part, found, now)
        parts, whole = plan.parts or (plan,), data[start:end]
        if found.timestamp is not None:
            whole = default_time(data, start, end, parts, now) or whole
        found = Parameters(found.consistency, found.flags, found.values - start, len(whole))
        values, batch = requests.bound_values(whole, found), plan if plan.parts else None
        pieces = [
            Piece(part, values, None, write_time(whole, part, values, found, now, batch))
            for part in parts
        ]
        return self._pass_on(whole, stream, found, pieces, None, _factor(plan.statement.batch_type))

    def batch(
        self,
        data: bytes,
        start: int,
        end: int,
        stream: int,
        request: BatchRequest,
        plans: Sequence[Plan],
    ) -> Forward:
        """A BATCH frame, whose entries have these plans."""
        now, forward = now_us(), None
        for entry, plan in zip(request.entries, plans, strict=True):
            if plan.guarded:
                policy.check_switches(plan, now)
                check_bound(data, plan, request.entry_parameters(entry), now)
        if request.parameters.timestamp is not None:
            forward = default_time(data, start, end, plans, now)
        factor = _factor(request.batch_type)
        if not (self._conduct.gated or self._looks_behind(plans)):
            for entry, plan in zip(request.entries, plans, strict=True):
                length = entry.end - entry.start + _ENTRY_OVERHEAD
                units = self._units(data, length, plan, request.entry_parameters(entry))
                self._count(plan, units * factor, 1)
            return forward
        whole = forward or data[start:end]
        request = batch_request(whole, HEADER_SIZE, len(whole))
        pieces = []
        for entry, plan in zip(request.entries, plans, strict=True):
            values = requests.bound_values(whole, request.entry_parameters(entry))
            moment = write_time(whole, plan, values, request.parameters, now)
            pieces.append(Piece(plan, values, entry, moment))
        return self._pass_on(whole, stream, request.parameters, pieces, request, factor)

    def _units(self, data: bytes, length: int, plan: Plan, found: Parameters) -> int:
        """Write units of one statement; refuses what is too large."""
        shape = plan.shape
        if shape is None or plan.settings is None:
            return 1
        if shape.version != plan.settings.version:
            shape.current()
        if length <= shape.one_unit_frame:
            return shape.base_units
        return Piece(plan, requests.bound_values(data, found)).measure()

    def _count(self, plan: Plan, units: float, requests: int) -> None:
        settings = plan.settings
        if settings is None:
            return
        settings.meter.writes += requests
        settings.meter.write_units += int(units)
        if plan.statement.conditional and settings.ttl and not settings.client_timestamps:
            settings.meter.strong.units += requests  # at least: the row's size is not known

    def _pass_on(
        self,
        whole: bytes,
        stream: int,
        found: Parameters,
        pieces: Sequence[Piece],
        request: BatchRequest | None,
        factor: int,
    ) -> bytes:
        """The way of a request that capacities, faults, a range or the unproven concern."""
        demands = [
            Demand(piece, piece.plan.settings, piece.measure() * factor)
            for piece in pieces
            if piece.plan.settings is not None
        ]
        verdict: Verdict | None = Verdict(demands)
        if self._conduct.gated:
            partial = request is not None and request.batch_type is BatchType.UNLOGGED
            verdict = self._admission.writes(stream, found.consistency, demands, partial=partial)
        if verdict is None:
            return b""
        if verdict.answer is not None:
            self._client.awaited[stream] = verdict.answer
        kept = [demand.piece for demand in verdict.kept]
        for demand in verdict.kept:
            self._count(demand.piece.plan, demand.units, 1)
        if verdict.delay or self._looks_behind([piece.plan for piece in kept]):
            later = self._later(whole, stream, kept, request, verdict.delay)
            self._client.forward_later(stream, later)
            return b""
        return whole if len(kept) == len(pieces) else _assembled(whole, request, kept, {})

    def _looks_behind(self, plans: Sequence[Plan]) -> bool:
        """Return whether stored rows must be looked at before one of these can be passed on."""
        if self._conduct.unproven:
            return True
        exact = self._conduct.exact_deletes
        return any(plan.range_delete or (exact and deletes_rows(plan)) for plan in plans)

    async def _later(
        self,
        whole: bytes,
        stream: int,
        pieces: Sequence[Piece],
        request: BatchRequest | None,
        delay: float,
    ) -> bytes:
        """The frame to send after the delay and the looks at stored rows that it needs."""
        if delay:
            await asyncio.sleep(delay)
        behaviour, kept, unset = self._conduct.behaviour, [], {}
        for piece in pieces:
            if piece.plan.range_delete:
                rows = await self._lookups.check_range(piece)
                self._count(piece.plan, max(0, len(rows) - 1), 0)
            if behaviour.exact_deletes and deletes_rows(piece.plan):
                self._count(piece.plan, await self._lookups.units_beyond_one(piece), 0)
            if behaviour.absent_deletes_leave_nothing and await unproven.leaves_nothing(
                self._lookups, piece
            ):
                continue
            if behaviour.overwrites_do_not_shadow:
                unset[id(piece)] = await unproven.merge_collections(self._lookups, piece)
            kept.append(piece)
        if not kept:
            self._answer_void(stream)
            return b""
        return _assembled(whole, request, kept, unset)

    def _answer_void(self, stream: int) -> None:
        answer = frame(stream, Opcode.RESULT, _VOID)
        if (awaiting := self._client.awaited.pop(stream, None)) is not None:
            answer = awaiting(Response.of(answer))
        self._client.deliver(answer)


def _factor(batch_type: BatchType | None) -> int:
    return _LOGGED_WRITES if batch_type is BatchType.LOGGED else 1


def _assembled(
    whole: bytes,
    request: BatchRequest | None,
    pieces: Sequence[Piece],
    unset: Mapping[int, Collection[int]],
) -> bytes:
    """The frame with these pieces only, and with "not set" bound where it is wanted."""
    if request is None:
        markers = unset.get(id(pieces[0]))
        if not markers:
            return whole
        return requests.reframed(whole, requests.with_unset(whole, _values_of(whole), markers))
    entries = []
    for piece in pieces:
        if (entry := piece.entry) is not None:
            data = whole[entry.start : entry.end]
            markers = unset.get(id(piece))
            if markers:
                data = requests.with_unset(data, entry.values - entry.start, markers)
            entries.append(data)
    return requests.batch_of(whole, request, entries)


def _values_of(whole: bytes) -> int:
    """Return where the values of an EXECUTE or QUERY begin."""
    opcode = whole[4]
    if opcode == Opcode.QUERY:
        return requests.query_text(whole, HEADER_SIZE, len(whole))[1].values
    return requests.execute_parameters(whole, HEADER_SIZE, len(whole)).values
