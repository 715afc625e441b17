"""Verdicts: of the endpoint's answer and the rules; and what users met on the service."""

from __future__ import annotations

import pytest

from hintferry_ops.cost.prices import Prices
from hintferry_ops.statements.collection import Collection
from hintferry_ops.statements.judge import (
    Answer,
    Judged,
    Migrated,
    Units,
    Verdict,
    judged,
    units_of,
)
from tests.unit.ops.published_refusals import REPORTS, Published
from tests.unit.ops.test_statement_rules import MIGRATED, SCHEMA, collected
from tests.unit.ops.test_statement_shape import shaped

PRICES = Prices("eu-west-1", "2026-01-01", 1.5, 0.3, 0.0, 0.0, 0.0, 0.0)


def verdict(text: str, answer: Answer | None = Answer(ran=True)) -> Judged:  # noqa: B008
    found = collected(text)
    (one,) = found.statements
    answers = {} if answer is None else {(one.keyspace, one.text): answer}
    (result,) = judged(found, MIGRATED, answers, None)
    return result


def test_there_are_reports_of_refusals_enough() -> None:
    assert len({one.where for one in REPORTS if one.fails}) >= 10


@pytest.mark.parametrize("report", REPORTS, ids=lambda one: one.where.rpartition("github.com/")[2])
def test_what_a_user_met_on_the_service_is_found_beforehand(report: Published) -> None:
    """With an endpoint that finds nothing: the rule alone has to."""
    one = verdict(report.statement)
    assert report.rule in [rule.name for rule in one.rules]
    assert one.verdict is (Verdict.REFUSED if report.fails else Verdict.DIFFERS)


def test_a_refusal_is_told_without_the_literals_of_the_statement() -> None:
    text = "SELECT * FROM shop.plain WHERE k = 'ann@example.org'"
    one = verdict(text, Answer(refusal="Invalid constant (ann@example.org) for k"))
    assert (one.verdict, one.said) == (Verdict.REFUSED, "Invalid constant (?) for k")


@pytest.mark.parametrize(
    ("text", "answer", "why"),
    [
        ("SELECT * FROM shop.orders WHERE id = ?", None, "it was not tried"),
        (
            "SELECT * FROM shop.orders WHERE id = ?",
            Answer(silence="the endpoint did not answer: gone"),
            "the endpoint did not answer: gone",
        ),
        ("SELECT * FROM shop.gone", None, "shop.gone is not in the schema file: list its table"),
        ("SELECT * FROM ? WHERE id = 1", None, "the name of its table is put in at run time"),
        (
            "SELECT nope FROM shop.orders WHERE id = ?",
            Answer(refusal="Undefined column name nope in table shop.orders"),
            "the schema file has drifted from the application: Undefined column name nope",
        ),
        ("SELECT DISTINCT id FROM shop.lines", Answer(ran=True), "has no GROUP BY and no DISTINCT"),
    ],
)
def test_what_is_not_known_says_why(text: str, answer: Answer | None, why: str) -> None:
    one = verdict(text, answer)
    assert one.verdict is Verdict.UNKNOWN
    assert why in one.why


def test_without_an_endpoint_nothing_is_said_to_run() -> None:
    assert verdict("SELECT * FROM shop.orders WHERE id = ?", None).verdict is Verdict.UNKNOWN
    assert verdict("SELECT * FROM shop.orders WHERE id = ?").verdict is Verdict.RUNS
    # What cannot be prepared is the rules' alone.
    assert verdict("USE shop", None).verdict is Verdict.RUNS


def test_a_table_that_cannot_be_migrated_refuses_its_statements() -> None:
    table = next(one for one in SCHEMA.tables if one.name == "orders")
    found = collected("SELECT * FROM shop.orders WHERE id = ?")
    (one,) = judged(found, Migrated({table: "it has a vector"}), {}, None)
    assert one.verdict is Verdict.REFUSED
    assert one.said == "shop.orders cannot be migrated: it has a vector"


def test_a_name_without_a_keyspace_is_the_sessions_or_the_only_one() -> None:
    found = Collection(SCHEMA.tables)
    found.add("SELECT * FROM orders WHERE id = ?", "a")
    found.add("SELECT * FROM orders WHERE id = ?", "a", "shop")
    found.add("SELECT * FROM orders WHERE id = ?", "a", "other")
    tables = [found.table_of(one.shape, one.keyspace) for one in found.found.values()]
    assert [table and str(table.id) for table in tables] == ["shop.orders", "shop.orders", None]


def test_the_worst_come_first_and_of_equals_the_most_frequent() -> None:
    texts = ["SELECT * FROM shop.plain WHERE k = ?", "SELECT v FROM shop.plain WHERE k = ?"]
    found = collected(*texts, texts[1], "TRUNCATE shop.plain", "SELECT * FROM shop.gone")
    answers = {(one.keyspace, one.text): Answer(ran=True) for one in found.statements}
    result = [(one.verdict.value, one.found.text) for one in judged(found, MIGRATED, answers, None)]
    assert result == [
        ("refused", "TRUNCATE shop.plain"),
        ("unknown", "SELECT * FROM shop.gone"),
        ("runs", texts[1]),
        ("runs", texts[0]),
    ]


@pytest.mark.parametrize(
    ("text", "units"),
    [
        ("SELECT * FROM shop.orders WHERE id = ?", Units(read=1)),
        ("SELECT * FROM shop.orders WHERE id IN (1, 2, 3)", Units(read=3)),
        ("SELECT * FROM shop.orders", Units(read=1, more=True)),
        ("INSERT INTO shop.orders (id) VALUES (?)", Units(write=1)),
        ("DELETE FROM shop.lines WHERE id = ? AND line > 3", Units(write=1, more=True)),
        (
            "BEGIN BATCH INSERT INTO shop.orders (id) VALUES (?);"
            " DELETE FROM shop.orders WHERE id = ?; APPLY BATCH",
            Units(write=4),
        ),
        (
            "BEGIN UNLOGGED BATCH INSERT INTO shop.orders (id) VALUES (?);"
            " DELETE FROM shop.orders WHERE id = ?; APPLY BATCH",
            Units(write=2),
        ),
        ("TRUNCATE shop.orders", Units()),
    ],
)
def test_a_call_takes_at_least_so_many_units(text: str, units: Units) -> None:
    assert units_of(shaped(text)) == units


def test_the_price_of_a_month_is_that_of_the_rate_of_the_log() -> None:
    found = collected(*["SELECT * FROM shop.orders WHERE id = ?"] * 100)
    found.first_ms, found.last_ms = 1_000, 11_000
    (one,) = judged(found, MIGRATED, {}, PRICES)
    assert one.usd_month == pytest.approx(10 * 730 * 3_600 * 0.3 / 1e6)
    found.first_ms = found.last_ms = 0
    assert judged(found, MIGRATED, {}, PRICES)[0].usd_month is None
