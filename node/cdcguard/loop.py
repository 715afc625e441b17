"""Run one pass: its steps in order, what it remembers, and its report."""

import time

from node.cdcguard.connector import (
    know_host_id,
    watch_cdc,
    watch_connector,
    watch_tables,
    watch_watermarks,
)
from node.cdcguard.guard import Guard
from node.cdcguard.leftovers import clear_lone_indexes, count_leftovers, fix_stuck
from node.cdcguard.logs import read_cassandra_log, read_connector_log
from node.cdcguard.metrics import emf_document
from node.cdcguard.settings import Settings
from node.cdcguard.space import clean_archive, protect_volume, protect_writes, watch_space
from node.cdcguard.state import load_state, locked, save_state
from node.cdcguard.waits import count_waits
from node.cdcguard.world import World

STEPS = (
    know_host_id,
    watch_space,
    protect_writes,
    fix_stuck,
    clear_lone_indexes,
    read_connector_log,
    read_cassandra_log,
    watch_cdc,
    watch_connector,
    watch_tables,
    watch_watermarks,
    clean_archive,
    protect_volume,
    count_leftovers,
    count_waits,
)


def one_pass(settings: Settings, world: World) -> Guard:
    """Take every step, keep what the next pass needs, and send the metrics."""
    with locked(settings):
        guard = Guard(settings, load_state(settings), world)
        take_steps(guard)
        save_state(settings, guard.state)
    world.send(emf_document(settings, guard.name, guard.metrics, guard.now))
    return guard


def take_steps(guard: Guard) -> None:
    started = time.perf_counter()
    for step in STEPS:
        try:
            step(guard)
        except OSError as error:
            # One step that fails must not stop the others.
            guard.metrics["GuardFaults"] += 1
            guard.say("CRITICAL", f"{step.__name__}: {error}")
    guard.metrics["TablesToSweep"] = len(guard.to_sweep())
    guard.metrics["GuardSeconds"] = round(time.perf_counter() - started, 3)
    minute = guard.now // 60
    guard.metrics["NodeReports"] = int(guard.state.get("minute") != minute)
    guard.state["minute"] = minute
    guard.state["said"] = guard.said
    guard.state["metrics"] = guard.metrics
    guard.state["at"] = guard.now
