"""Give a program its theme: chance alone seldom brings together what must meet."""

from __future__ import annotations

from dataclasses import dataclass, replace

from hintferry.testing.points import Point
from tests.model.program import Verb
from tests.model.tables import LONGEST_TTL_S

EVERYWHERE = {
    Point.BEFORE_WRITE: 5,
    Point.AFTER_READ: 4,
    Point.READ_STARTED: 3,
    Point.REPLICA_ASKED: 3,
    Point.BEFORE_TARGET_READ: 3,
    Point.AFTER_WRITE: 2,
    Point.BEFORE_READ: 1,
    Point.AFTER_DECODE: 1,
    Point.BEFORE_POSTPONE: 1,
    Point.BEFORE_PARK: 1,
    Point.BEFORE_GIVE_BACK: 1,
    Point.BEFORE_ANSWER: 1,
}

ALL_VERBS = {
    "wide": {
        Verb.INSERT: 8,
        Verb.UPDATE: 8,
        Verb.APPEND: 3,
        Verb.SET_STATIC: 4,
        Verb.APPEND_STATIC: 1,
        Verb.DELETE_ROW: 5,
        Verb.DELETE_SLICE: 4,
        Verb.DELETE_PARTITION: 3,
    },
    "plain": {Verb.INSERT: 6, Verb.UPDATE: 6, Verb.DELETE_ROW: 3, Verb.DELETE_PARTITION: 3},
    "bare": {Verb.INSERT: 8, Verb.DELETE_ROW: 3, Verb.DELETE_SLICE: 3, Verb.DELETE_PARTITION: 2},
    "counts": {Verb.ADD: 1},
}
_OF_ELEMENTS = {
    Verb.INSERT: 4,
    Verb.UPDATE: 3,
    Verb.EXTEND: 6,
    Verb.SET_STATIC: 2,
    Verb.DELETE_ROW: 1,
    Verb.DELETE_SLICE: 1,
}
ALL_VERBS |= {"elements": _OF_ELEMENTS, "keyed": _OF_ELEMENTS, "bounded": _OF_ELEMENTS}


@dataclass(frozen=True, slots=True)
class Theme:
    """Weights of tables, verbs, kinds of steps and stops.

    `stories`: what each program begins with, one of them. `whole`: the share of writes that reach
    every replica; `broker_wrong`: of programs in which the brokers' clocks are behind; `repeated`:
    of values, which are then one of `few`; `clocks`: of steps of time that set a worker's clock.
    `later`: columns that are written if ALTER has added them.
    `afterwards_s`: how long a worker still stands that was
    overtaken.
    """

    tables: dict[str, int]
    verbs: dict[str, dict[Verb, int]]
    lengths: tuple[int, ...] = (1, 2, 3, 4, 6, 10, 16, 24)
    stops: tuple[tuple[Point, int], ...] = tuple(EVERYWHERE.items())
    stop_counts: tuple[int, ...] = (0, 1, 1, 2)
    stop_kinds: tuple[tuple[str, int], ...] = (
        ("dies", 5),
        ("overtaken", 8),
        ("pause", 4),
        ("anything", 8),
    )
    nths: tuple[int, ...] = (0, 0, 0, 1, 2, 3)
    expiring: tuple[float, ...] = (0.0, 0.2, 0.8)
    ttls_s: tuple[int, ...] = (2, 10, 60)
    whole: float = 0.5
    faults: tuple[float, ...] = (0.0, 0.0, 0.0, 0.2, 0.6)
    pauses_s: tuple[float, ...] = (0.001, 3, 20, 35)
    lookup_faults: tuple[float, ...] = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.1, 0.5)
    budgets_s: tuple[float, ...] = (9.0, 60.0, 900.0)
    kinds: tuple[tuple[str, int], ...] = (
        ("write", 10),
        ("batch", 8),
        ("time", 2),
        ("cluster", 4),
        ("records", 3),
    )
    ticks_s: tuple[float, ...] = (0.001, 0.2, 2, 16, 50, 200)
    sizes: tuple[int, ...] = (1, 2, 6, 40, 40)
    afterwards_s: tuple[float, ...] = ()
    broker_wrong: float = 0.3
    stories: tuple[tuple[str, ...], ...] = (("write",),)
    finale: tuple[str, ...] = ()
    clocks: float = 0.2
    later: tuple[str, ...] = ()
    repeated: float = 0.3
    few: int = 2


EVERYTHING = Theme({"wide": 14, "plain": 2, "bare": 3, "counts": 2}, ALL_VERBS)

SLICES = Theme(
    {"wide": 1, "bare": 2},
    {
        name: {Verb.INSERT: 4, Verb.DELETE_SLICE: 2, Verb.DELETE_PARTITION: 3}
        for name in ("wide", "bare")
    },
    lengths=(1, 1, 2, 3),
    stops=((Point.BEFORE_WRITE, 3), (Point.AFTER_READ, 1), (Point.BEFORE_TARGET_READ, 1)),
    stop_counts=(1, 2),
    expiring=(0.0,),
    whole=0.9,
    faults=(0.0,),
    pauses_s=(0.001, 3),
)
"""A row is inserted, and deleted with others, in every order of those who hear of it."""

ROWS = replace(
    SLICES,
    verbs={name: {Verb.INSERT: 4, Verb.DELETE_ROW: 3} for name in ("wide", "bare")},
    stops=((Point.BEFORE_WRITE, 3), (Point.AFTER_READ, 1)),
)
"""A row is inserted and deleted alone."""

PAGES = replace(
    SLICES,
    verbs={
        name: {Verb.INSERT: 5, Verb.DELETE_ROW: 3, Verb.DELETE_SLICE: 2, Verb.DELETE_PARTITION: 1}
        for name in ("wide", "bare")
    },
    lengths=(3, 4, 5, 8),
    pauses_s=(0.001, 4, 4),
    budgets_s=(9.0, 9.0, 60.0),
    stops=((Point.AFTER_READ, 2), (Point.BEFORE_READ, 2), (Point.BEFORE_TARGET_READ, 2)),
    stop_counts=(1, 2, 2),
)
"""Rows change while a slice of them is read page by page."""

EXPIRY = Theme(
    {"wide": 2, "plain": 1},
    {
        "wide": {Verb.INSERT: 2, Verb.UPDATE: 3, Verb.SET_STATIC: 1},
        "plain": {Verb.INSERT: 2, Verb.UPDATE: 3},
    },
    lengths=(1, 2, 4),
    stops=(
        (Point.AFTER_READ, 3),
        (Point.BEFORE_WRITE, 1),
        (Point.READ_STARTED, 1),
    ),
    expiring=(0.9,),
    whole=0.8,
    pauses_s=(0.5, 0.8, 2, 3, 9, 20),
)
"""Values expire while they are on their way."""

ELEMENTS = Theme(
    {"elements": 3, "bounded": 2},
    ALL_VERBS,
    lengths=(1, 2, 4, 8),
    stops=((Point.AFTER_READ, 3), (Point.BEFORE_WRITE, 3), (Point.READ_STARTED, 1)),
    expiring=(0.3, 0.7),
    ttls_s=(2, 10, 60, LONGEST_TTL_S, LONGEST_TTL_S),
    whole=0.8,
    pauses_s=(0.5, 2, 9, 20),
    ticks_s=(0.2, 2, 16, 50),
)
"""Elements of collections expire one by one, and rows that are only a key."""

COUNTING = Theme(
    {"counts": 1},
    ALL_VERBS,
    lengths=(1, 2, 4, 8),
    stops=((Point.BEFORE_TARGET_READ, 3), (Point.BEFORE_WRITE, 3), (Point.AFTER_WRITE, 1)),
    stop_counts=(1, 2, 3),
    whole=0.8,
    faults=(0.0, 0.5, 0.8),
    pauses_s=(0.001, 8, 25, 25, 33),
)
"""Counters, with answers lost and leases that run out."""

COPIES = replace(
    ROWS,
    verbs={name: {Verb.INSERT: 4, Verb.DELETE_ROW: 2} for name in ("wide", "bare")},
    lengths=(3, 5, 8),
    kinds=(("write", 4), ("batch", 4), ("time", 1)),
    stop_counts=(0,),
    whole=1.0,
    ticks_s=(0.001, 0.2, 2),
    sizes=(40,),
    broker_wrong=0.7,
)
"""One key is written again and again, and copies come late, under stamps of slow brokers."""

LATEST = replace(
    SLICES,
    stories=(("write", "batch", "batch"),),
    lengths=(0, 1),
    kinds=(("write", 1), ("batch", 3)),
    stops=((Point.AFTER_READ, 2), (Point.BEFORE_WRITE, 1)),
    stop_counts=(2, 3),
    verbs={name: {Verb.INSERT: 3, Verb.DELETE_PARTITION: 2} for name in ("wide", "bare")},
    stop_kinds=(("overtaken", 1),),
    nths=(0,),
    whole=1.0,
    pauses_s=(0.5, 7),
    budgets_s=(900.0,),
    sizes=(40,),
    afterwards_s=(26,),
)
"""A write arrives as late as a write can."""

LOOKS = replace(
    SLICES,
    verbs={name: {Verb.INSERT: 3, Verb.DELETE_PARTITION: 4} for name in ("wide", "bare")},
    stories=(("write", "batch", "time", "write", "batch"),),
    lengths=(0, 1),
    stops=((Point.BEFORE_WRITE, 3), (Point.AFTER_READ, 1)),
    stop_counts=(0, 1, 1),
    stop_kinds=(("overtaken", 1),),
    nths=(0,),
    whole=1.0,
    pauses_s=(1, 2),
    ticks_s=(43.5, 44),
    sizes=(40,),
)
"""News of a slice comes just when it is due for its second look."""

CLOCKS = replace(
    ROWS,
    stories=(("hasten", "time", "time", "write", "batch", "write", "batch"),),
    lengths=(0, 1, 2),
    kinds=(("write", 3), ("batch", 4), ("time", 2)),
    stops=((Point.READ_STARTED, 1), (Point.AFTER_READ, 1), (Point.BEFORE_WRITE, 2)),
    stop_kinds=(("overtaken", 1),),
    nths=(0,),
    whole=1.0,
    pauses_s=(0.001,),
    clocks=1.0,
)
"""Workers whose clocks differ follow close upon each other."""

SCHEMA = Theme(
    {"wide": 2, "plain": 3},
    {
        "wide": {Verb.INSERT: 4, Verb.UPDATE: 4, Verb.DELETE_ROW: 1, Verb.DELETE_PARTITION: 1},
        "plain": {Verb.INSERT: 3, Verb.UPDATE: 4, Verb.DELETE_ROW: 1},
    },
    lengths=(1, 2, 4, 8),
    stories=(("write", "batch", "alter", "write", "batch"), ("alter", "write", "batch", "hear")),
    kinds=(("write", 6), ("batch", 6), ("cluster", 2), ("alter", 1), ("hear", 3), ("time", 1)),
    stops=((Point.AFTER_DECODE, 1), (Point.BEFORE_READ, 1), (Point.AFTER_READ, 1)),
    expiring=(0.0,),
    whole=0.6,
    faults=(0.0,),
    ticks_s=(0.001, 0.05, 0.2, 2),
    pauses_s=(0.001, 0.2, 3),
    later=("x",),
)
"""Columns are added and dropped, and nodes hear of it one after the other."""

FENCES = replace(
    ROWS,
    stories=(
        ("write", "batch", "write", "cutover"),
        ("write", "batch", "write"),
        ("write", "cutover", "wait", "write", "batch", "take_back", "time", "write", "batch"),
    ),
    lengths=(1, 2, 4),
    kinds=(("write", 4), ("batch", 5), ("time", 4), ("cutover", 1), ("take_back", 2)),
    stops=(
        (Point.FENCES_READ, 1),
        (Point.BEFORE_READ, 2),
        (Point.AFTER_READ, 3),
        (Point.BEFORE_WRITE, 2),
    ),
    stop_counts=(0, 1, 2, 2),
    stop_kinds=(("pause", 3), ("anything", 2), ("cut over", 2)),
    nths=(0, 0, 1),
    whole=0.8,
    faults=(0.0, 0.3),
    pauses_s=(0.5, 4, 8, 26),
    ticks_s=(0.2, 3, 5, 12, 50),
    budgets_s=(900.0,),
)
"""A table is cut over, and taken back, while workers read and write."""

PAUSES = replace(
    FENCES,
    stories=(
        ("write", "pause", "write", "batch", "resume", "batch"),
        ("write", "pause", "fill", "write", "cutover", "batch"),
        ("write", "batch", "write"),
    ),
    kinds=(("write", 4), ("batch", 5), ("time", 1), ("pause", 2), ("resume", 1), ("cutover", 1)),
    stop_kinds=(("pause", 1), ("anything", 3), ("dies", 1)),
)
"""A table is paused, and goes on, while workers read and write."""

GATE = Theme(
    {"wide": 1, "plain": 2, "bare": 1},
    {
        "wide": {Verb.INSERT: 4, Verb.UPDATE: 3, Verb.DELETE_ROW: 1, Verb.DELETE_PARTITION: 1},
        "plain": {Verb.INSERT: 3, Verb.UPDATE: 4, Verb.DELETE_ROW: 1},
        "bare": {Verb.INSERT: 4, Verb.DELETE_ROW: 2, Verb.DELETE_PARTITION: 1},
    },
    stories=(
        ("write", "batch", "verify"),
        ("write", "batch", "verify", "verify", "write"),
        ("write", "batch", "wait", "batch", "verify", "deafen", "write", "hearken"),
        ("write", "batch", "wait", "batch", "verify", "dawdle", "write"),
        ("alter", "write", "batch", "verify", "verify", "alter", "alter"),
        ("write", "batch", "verify", "recreate", "write"),
    ),
    lengths=(0, 0, 1, 2, 3),
    kinds=(("write", 6), ("batch", 3), ("deafen", 2), ("verify", 2), ("alter", 1), ("hear", 2)),
    stop_counts=(0, 0, 1),
    expiring=(0.0,),
    whole=0.9,
    faults=(0.0, 0.2),
    later=("x",),
    finale=("switch",),
)
"""A table is verified and cut over, if the gate opens."""

LEFT = replace(
    GATE,
    tables={"wide": 1, "plain": 1},
    stories=(
        ("write", "write", "batch", "wait", "batch", "verify", "ail", "write", "batch", "batch"),
    ),
    lengths=(0, 1),
    kinds=(("write", 3), ("batch", 3)),
    faults=(0.0,),
)
"""A replica fails at some keys: their hints wait in the replay queue while the gate is checked."""

SWITCHED = Theme(
    {"plain": 3, "bare": 2, "keyed": 3, "wide": 4, "counts": 1},
    ALL_VERBS | {"wide": {Verb.INSERT: 4, Verb.UPDATE: 2, Verb.APPEND: 4, Verb.SET_STATIC: 1}},
    stories=(
        ("write", "batch", "verify", "write", "batch"),
        ("write", "write", "batch", "batch", "verify", "write", "write"),
        ("write", "batch", "batch", "wait", "batch", "verify", "write", "batch"),
    ),
    lengths=(0, 1, 2),
    kinds=(("write", 6), ("batch", 5)),
    stop_counts=(0, 0, 1),
    expiring=(0.0, 0.0, 0.2),
    ttls_s=(60, 600),
    whole=1.0,
    faults=(0.0, 0.2),
    lookup_faults=(0.0,),
    finale=("switch",),
)
"""The application writes on the target as soon as it may, while late writes still arrive."""

LOST = Theme(
    {"wide": 3, "plain": 2, "bare": 1},
    {
        "wide": {Verb.INSERT: 4, Verb.UPDATE: 4, Verb.SET_STATIC: 2, Verb.DELETE_ROW: 2},
        "plain": {Verb.INSERT: 3, Verb.UPDATE: 4, Verb.DELETE_ROW: 1},
        "bare": {Verb.INSERT: 3, Verb.DELETE_ROW: 2},
    },
    stories=(("deafen", "write"), ("write", "batch", "deafen", "write")),
    lengths=(1, 2, 3, 6),
    kinds=(("write", 4), ("batch", 4), ("time", 1), ("cluster", 1), ("deafen", 2)),
    expiring=(0.0, 0.5),
    whole=0.8,
    faults=(0.0, 0.0, 0.2),
)
"""Some changes bring no hint: a sweep has to find them."""

LOST_EXPIRY = replace(
    LOST,
    tables={"wide": 3, "plain": 1},
    verbs={name: {Verb.INSERT: 1, Verb.UPDATE: 4} for name in ("wide", "plain")},
    stories=(("write", "batch", "deafen", "write"),),
    lengths=(0, 1),
    expiring=(0.5,),
    ttls_s=(60, 600),
    repeated=1.0,
    few=1,
)
"""The lost fact is when a value expires."""

BACKFILL = Theme(
    {"wide": 4, "plain": 2, "bare": 2, "counts": 1},
    {
        "wide": {Verb.INSERT: 9, Verb.UPDATE: 6, Verb.SET_STATIC: 4, Verb.DELETE_ROW: 2},
        "plain": {Verb.INSERT: 6, Verb.UPDATE: 6, Verb.DELETE_ROW: 2},
        "bare": {Verb.INSERT: 6, Verb.DELETE_ROW: 2},
        "counts": {Verb.ADD: 1},
    },
    stories=(
        ("write", "write", "time", "fill"),
        ("write", "write", "batch", "write", "fill"),
        ("deafen", "write", "write", "hearken", "time", "fill"),
    ),
    lengths=(0, 1, 2, 4, 8),
    kinds=(("write", 6), ("batch", 5), ("fill", 3), ("time", 1), ("cluster", 2), ("records", 1)),
    stop_counts=(1, 1, 2, 3),
    stop_kinds=(("dies", 1), ("overtaken", 8), ("pause", 2), ("anything", 6), ("cut over", 1)),
    nths=(0, 0, 1, 2, 4, 8),
    ticks_s=(0.02, 0.2, 2, 16),
    whole=0.8,
    faults=(0.0, 0.0, 0.2),
)
"""A table is filled while hints go on."""

VALIDATION = Theme(
    {"wide": 3, "plain": 3, "bounded": 1, "counts": 1},
    {
        "wide": {
            Verb.INSERT: 4,
            Verb.UPDATE: 4,
            Verb.DELETE_ROW: 3,
            Verb.DELETE_SLICE: 1,
            Verb.DELETE_PARTITION: 1,
        },
        "plain": {Verb.INSERT: 4, Verb.UPDATE: 5, Verb.DELETE_ROW: 3},
        "bounded": {Verb.INSERT: 4, Verb.UPDATE: 3, Verb.EXTEND: 3, Verb.DELETE_ROW: 2},
        "counts": {Verb.ADD: 1},
    },
    stories=(
        ("validate", "write", "batch", "soon", "write", "batch", "later", "write", "batch"),
        ("validate", "write", "batch", "write", "soon", "batch", "later", "write", "batch"),
        ("validate", "dawdle", "write", "batch", "write", "soon", "batch", "later", "batch"),
    ),
    lengths=(2, 4, 8, 16),
    kinds=(("write", 8), ("batch", 10), ("soon", 1), ("later", 3), ("cluster", 2), ("time", 2)),
    stops=((Point.BEFORE_TARGET_READ, 4), (Point.BEFORE_READ, 3), (Point.AFTER_READ, 3)),
    expiring=(0.0, 0.3),
    whole=0.8,
    repeated=0.9,
    few=2,
    faults=(0.0, 0.0, 0.3),
    pauses_s=(0.001, 3, 20, 35),
    ticks_s=(0.001, 0.2, 2, 16),
    sizes=(1, 2, 6, 40, 40),
)
"""Settled keys are compared again while the same few values come and go."""

THEMES = {
    "everything": (EVERYTHING, 12),
    "slices": (SLICES, 3),
    "rows": (ROWS, 1),
    "pages": (PAGES, 2),
    "expiry": (EXPIRY, 2),
    "elements": (ELEMENTS, 3),
    "counting": (COUNTING, 3),
    "copies": (COPIES, 1),
    "latest": (LATEST, 1),
    "looks": (LOOKS, 1),
    "clocks": (CLOCKS, 2),
    "schema": (SCHEMA, 3),
    "fences": (FENCES, 2),
    "pauses": (PAUSES, 2),
    "gate": (GATE, 2),
    "left": (LEFT, 1),
    "switched": (SWITCHED, 2),
    "lost": (LOST, 2),
    "lost expiry": (LOST_EXPIRY, 1),
    "backfill": (BACKFILL, 3),
    "validation": (VALIDATION, 0),
}
"""Each theme and how often it is taken; 0: only by tests of its own."""
