"""Does one fault to the running chain, and undoes it.

Owns how each fault is done and what counts as having happened; knows nothing of when.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from queue import SimpleQueue
from random import Random

from hintferry.adapters.records.topics import table_of
from keyspaces_local.faults import ErrorAnswer, FaultAction, Operation
from keyspaces_local.faults import Fault as Switch
from sandbox.chain import Chain
from sandbox.parts.cassandra import Node
from sandbox.parts.errors import PartFailed
from sandbox.parts.process import Part
from sandbox.services.lambda_runtime import LambdaSandbox
from sandbox.stack import Stack
from tests.chaos.ddl import Ddl, NotAgreed
from tests.chaos.kinds import Fault
from tests.chaos.plan import Order
from tests.chaos.recorder import KEPT, Recorded, Recorder
from tests.chaos.replays import Replays
from tests.chaos.wrong_clock import WrongClock
from tests.chaos.zombies import Zombie

_LOOK_FOR_S = 2.0
_OVERTAKING_S, _BETWEEN_LOOKS_S, _NEARLY_NONE = 30.0, 0.5, 500
_STARTS, _BETWEEN_STARTS_S = 8, 3.0
_PAYLOAD, _DUPLICATES, _QUEUED = 250, 40, 20
_MOST_POISON = 3
_LEARNS_S = 40.0
THROTTLES = Switch(
    FaultAction.REFUSE, share=0.5, operation=Operation.WRITE, answer=ErrorAnswer.THROTTLED
)
CUTS = Switch(FaultAction.CUT_AFTER, share=0.1, operation=Operation.WRITE)
_RECENT = 1000
"""records at the end of the hint log"""
UNFENCED = "counts"
"""No lease fences a write at the service, so a counter's worker must not stand still for longer
than its lease between the last look at its clock and the socket: on Lambda, nothing can do that to
a running invocation."""


class Injector:
    """Each fault gives what it was done to, or None where it did not really happen."""

    def __init__(
        self,
        stack: Stack,
        chain: Chain,
        ddl: Ddl,
        wrong_clock: WrongClock,
        recorder: Recorder,
        replays: Replays,
        zombies: Sequence[Zombie],
        sleeper: Zombie,
        stop: threading.Event,
    ) -> None:
        self._stack, self._chain, self._ddl = stack, chain, ddl
        self._wrong_clock = wrong_clock
        self._recorder, self._replays = recorder, replays
        self._sleeper = sleeper
        self._zombies: SimpleQueue[Zombie] = SimpleQueue()
        for zombie in zombies:
            self._zombies.put(zombie)
        self._stop = stop
        self._how: dict[Fault, Callable[[Order], str | None]] = {
            Fault.NODE_PAUSED: lambda order: self._pause(order, stack.source_nodes, 1),
            Fault.NODES_PAUSED: lambda order: self._pause(order, stack.source_nodes, 2),
            Fault.NODE_KILLED: lambda order: self._kill(order, stack.source_nodes),
            Fault.CAPTURE_PAUSED: lambda order: self._pause(order, stack.captures, 1),
            Fault.CAPTURE_KILLED: lambda order: self._kill(order, stack.captures),
            Fault.BROKER_PAUSED: lambda order: self._pause(order, [stack.broker], 1),
            Fault.BROKER_KILLED: lambda order: self._kill(order, [stack.broker]),
            Fault.TARGET_PAUSED: lambda order: self._pause(order, [stack.keyspaces], 1),
            Fault.TARGET_KILLED: lambda order: self._kill(order, [stack.keyspaces]),
            Fault.WORKER_FROZEN: self._freeze_worker,
            Fault.WORKER_FROZEN_IDLE: self._freeze_idle_worker,
            Fault.WORKER_KILLED: lambda order: self._kill_worker(chain.function.sandboxes),
            Fault.REPLAYER_KILLED: lambda order: self._kill_replayer(),
            Fault.ZOMBIE: self._freeze_zombie,
            Fault.STALE_ZOMBIE: self._freeze_sleeper,
            Fault.PAYLOAD_REPLAYED: self._replay_payload,
            Fault.RECORDS_DUPLICATED: self._duplicate,
            Fault.RECORDS_REORDERED: self._reorder,
            Fault.HINTS_REPLAYED: self._queue,
            Fault.TARGET_THROTTLES: lambda order: self._switch(order, THROTTLES),
            Fault.TARGET_CUTS: lambda order: self._switch(order, CUTS),
            Fault.POISONED: self._poison,
            Fault.NODE_MISSES_DDL: self._miss_ddl,
            Fault.COLUMN_ADDED: lambda order: ddl.add(order.random),
            Fault.COLUMN_DROPPED: lambda order: ddl.drop(order.random),
            Fault.COLUMN_BACK: lambda order: ddl.drop_and_add(order.random),
            Fault.VIEW_MADE: self._make_view,
            Fault.CLOCKS_WRONG: self._set_clocks,
            Fault.UNCAPTURED_REMADE: lambda order: ddl.remake_uncaptured(),
        }

    def perform(self, order: Order) -> str | None:
        """Do it, hold it, undo it. Raises what the part raises that does not come back."""
        try:
            return self._how[order.fault](order)
        except NotAgreed:
            # What was changed is on its way to the node that is late.
            return None

    def _hold(self, order: Order) -> bool:
        """Return whether it lasted: the end of the load cuts it short."""
        return not self._stop.wait(order.hold_s)

    def _pause(self, order: Order, parts: Sequence[Part], count: int) -> str:
        chosen = order.random.sample(parts, count)
        for part in chosen:
            part.pause()
        try:
            self._hold(order)
        finally:
            for part in chosen:
                part.resume()
        return ", ".join(part.name for part in chosen)

    def _kill(self, order: Order, parts: Sequence[Part]) -> str:
        part = order.random.choice(parts)
        part.kill()
        try:
            self._hold(order)
        finally:
            _start(part)
        return part.name

    def _miss_ddl(self, order: Order) -> str | None:
        """Return where the node has heard of it all the same, nothing was missed: once more."""
        node = order.random.choice(self._stack.source_nodes)
        return self._miss_ddl_on(node, order) or self._miss_ddl_on(node, order)

    def _miss_ddl_on(self, node: Node, order: Order) -> str | None:
        """Let a node miss a change while writers use the new column on other nodes. Restart it, as
        an operator does, if it does not ask for what it missed."""
        with self._ddl.left_out(node.host):
            node.pause()
            try:
                name = self._ddl.add(order.random, fresh=True)
                self._hold(order)
            finally:
                node.resume()
            is_late = self._ddl.is_late(node.host)
        if name is None:
            return None
        if not self._ddl.is_learned(_LEARNS_S):
            node.stop()
            _start(node)
        return f"{name} on {node.name}" if is_late else None

    def _set_clocks(self, order: Order) -> str | None:
        """Return where nobody had anything to do by a wrong clock, nothing happened."""
        ends = self._wrong_clock.ends()
        with self._wrong_clock.set_by(order.random):
            self._hold(order)
        refused = self._wrong_clock.refusals(ends)
        return f"{refused} batches" if refused else None

    def _make_view(self, order: Order) -> str:
        name = self._ddl.make_view()
        try:
            self._hold(order)
        finally:
            self._ddl.drop_view()
        return name

    def _switch(self, order: Order, switch: Switch) -> str | None:
        """Switch on a fault of the target; a fault that did not fire did not happen."""
        control = self._stack.keyspaces.control
        seeded = replace(switch, seed=order.random.randrange(1_000_000))
        number = control.add_fault(seeded)
        try:
            self._hold(order)
            fired = sum(one.fired for one in control.faults() if one.fault == seeded)
        finally:
            control.clear_faults(number)
        return f"{fired} writes" if fired else None

    def _poison(self, order: Order) -> str | None:
        topics = sorted(
            {record.topic for record in self._recorder.recent(KEPT, KEPT, order.random)}
        )
        if not topics:
            return None
        count = order.random.randint(1, _MOST_POISON)
        self._replays.poison(order.random.choice(topics), count, order.random)
        return f"{count} records"

    def _freeze_worker(self, order: Order) -> str | None:
        worker = _first(self._chain.function.sandboxes, lambda one: one.busy)
        if worker is None:
            return None
        worker.pause()
        try:
            self._hold(order)
            was_under_way = worker.busy
        finally:
            worker.resume()
        return "processor" if was_under_way else None

    def _freeze_idle_worker(self, order: Order) -> str | None:
        worker = _first(self._chain.function.sandboxes, lambda one: not one.busy)
        if worker is None:
            return None
        worker.pause()
        try:
            self._hold(order)
        finally:
            worker.resume()
        return "processor"

    def _kill_worker(self, workers: Sequence[LambdaSandbox]) -> str | None:
        worker = _first(workers, lambda one: one.busy)
        if worker is None:
            return None
        worker.kill()
        return "processor"

    def _kill_replayer(self) -> str:
        """In the middle of an invocation if there is one soon, else between two."""
        workers = self._chain.replay_function.sandboxes
        worker = _first(workers, lambda one: one.busy) or workers[0]
        worker.kill()
        return "replay"

    def _payload(self, order: Order, but: str = "") -> list[Recorded]:
        """Return what one invocation can hold: the latest records of one topic."""
        records = self._recorder.recent(_RECENT, _RECENT, order.random)
        topics = [one.topic for one in records if table_of(one.topic).split(".")[1] != but]
        if not topics:
            return []
        topic = order.random.choice(topics)
        return [record for record in records if record.topic == topic][-_PAYLOAD:]

    def _freeze_zombie(self, order: Order) -> str | None:
        """Thawed when the live flow has overtaken it, be it after the end of the load."""
        payload = self._payload(order)

        def hold() -> bool:
            self._hold(order)
            return self._overtaken()

        with self._free_zombie() as zombie:
            lasted = payload and zombie.freeze(payload, order.random, hold)
        return _described(payload) if lasted else None

    def _freeze_sleeper(self, order: Order) -> str | None:
        payload = self._payload(order, but=UNFENCED)
        lasted = payload and self._sleeper.freeze(payload, order.random, lambda: self._hold(order))
        return _described(payload) if lasted else None

    def _replay_payload(self, order: Order) -> str | None:
        payload = self._payload(order)
        with self._free_zombie() as zombie:
            done = payload and zombie.replay(payload)
        return _described(payload) if done else None

    @contextmanager
    def _free_zombie(self) -> Iterator[Zombie]:
        zombie = self._zombies.get()
        try:
            yield zombie
        finally:
            self._zombies.put(zombie)

    def _overtaken(self) -> bool:
        """Wait a while for the live flow to have settled nearly all that has happened."""
        end = time.monotonic() + _OVERTAKING_S
        while self._chain.lag() > _NEARLY_NONE:
            if time.monotonic() > end:
                return False
            time.sleep(_BETWEEN_LOOKS_S)
        return True

    def _duplicate(self, order: Order) -> str | None:
        records = self._recorder.recent(_RECENT, _DUPLICATES, order.random)
        self._replays.to_topics(records, order.random)
        return _counted(records)

    def _reorder(self, order: Order) -> str | None:
        records = self._recorder.recent(KEPT, _DUPLICATES, order.random)
        self._replays.to_topics(_shuffled(records, order.random), order.random)
        return _counted(records)

    def _queue(self, order: Order) -> str | None:
        records = self._recorder.recent(KEPT, _QUEUED, order.random)
        self._replays.to_queue(_shuffled(records, order.random))
        return _counted(records)


def _start(part: Part) -> None:
    """As a supervisor does: a connector that finds its node down ends, and is started again."""
    for _ in range(_STARTS - 1):
        try:
            part.start()
            return
        except PartFailed:
            time.sleep(_BETWEEN_STARTS_S)
    part.start()


def _first(
    workers: Sequence[LambdaSandbox], wanted: Callable[[LambdaSandbox], bool]
) -> LambdaSandbox | None:
    """The first worker that is found so within a while."""
    end = time.monotonic() + _LOOK_FOR_S
    while time.monotonic() < end:
        for worker in workers:
            if wanted(worker):
                return worker
        time.sleep(0.001)
    return None


def _shuffled(records: list[Recorded], random: Random) -> list[Recorded]:
    return random.sample(records, len(records))


def _described(payload: list[Recorded]) -> str:
    return f"{len(payload)} records of {payload[0].topic}"


def _counted(records: list[Recorded]) -> str | None:
    return f"{len(records)} records" if records else None
