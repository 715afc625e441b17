"""Each saved query asks for what the functions really log."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import pytest

from docs.site.reference import logs
from hintferry.core.verdict import VerifySums
from hintferry_ops.monitoring.log_queries import LOG_QUERIES, PLATFORM_REPORT, LogQuery
from tests.infra.synthesised import Template, properties, resources

LANGUAGE = {
    *("fields", "filter", "parse", "stats", "sort", "limit", "by", "as", "and", "desc", "like"),
    *("count", "latest", "pct", "max", "bin", "ispresent"),
}
ALWAYS = {"@timestamp", "@message", "@log", "@logStream"}
"""What Logs Insights finds in every line."""


def flat(value: Any, name: str = "") -> Iterator[str]:
    """The names that Logs Insights gives to the fields of a JSON line."""
    if not isinstance(value, dict | list):
        yield name
        return
    parts = value.items() if isinstance(value, dict) else enumerate(value)
    for key, one in parts:
        yield from flat(one, f"{name}.{key}" if name else str(key))


def known(lines: dict[str, str]) -> dict[str, set[str]]:
    """The fields of each event, by its message; of Lambda's own report by its type."""
    found = {message: set(fields) for message, fields in logs.events().items()}
    for message, line in lines.items():
        found[message] |= set(flat(json.loads(line)))
    found["sweep"] |= {"message", *asdict(VerifySums())}
    return {**found, "platform.report": set(PLATFORM_REPORT)}


def parsers(query: LogQuery) -> list[str]:
    return re.findall(r"parse @message /(.*)/$", "\n".join(query.text), re.M)


def asked(query: LogQuery) -> set[str]:
    """Every name in a query that is a field, and none that it makes itself."""
    text = re.sub(r'/.*/|"[^"]*"|\b\d+h?\b(?!\w)', " ", " \n".join(query.text))
    text = re.sub(r"freshness_ms\. ", "freshness_ms.0 ", text)
    made = {*re.findall(r" as (\w+)", text)}
    for pattern in parsers(query):
        made |= set(re.findall(r"\?<(\w+)>", pattern))
    return set(re.findall(r"@?[a-zA-Z_][\w.]*", text)) - LANGUAGE - made - ALWAYS


def events_of(query: LogQuery) -> str:
    (event,) = re.findall(r'filter (?:message|type) = "([\w. ]+)"', "\n".join(query.text))
    return str(event)


@pytest.mark.parametrize("query", LOG_QUERIES, ids=lambda query: query.name)
def test_a_query_names_only_what_its_event_has(query: LogQuery, lines: dict[str, str]) -> None:
    fields = known(lines)
    assert asked(query)
    assert asked(query) - fields[events_of(query)] == set()


@pytest.mark.parametrize(
    "query", [one for one in LOG_QUERIES if parsers(one)], ids=lambda query: query.name
)
def test_what_a_query_parses_is_in_the_line(query: LogQuery, lines: dict[str, str]) -> None:
    found: dict[str, str] = {}
    for pattern in parsers(query):
        match = re.search(pattern.replace("?<", "?P<"), lines[events_of(query)])
        assert match, pattern
        found |= match.groupdict()
    assert found["table"] == "shop.orders"
    assert found.get("because", "asked for less").endswith("asked for less")


def test_a_field_that_no_event_has_is_noticed(lines: dict[str, str]) -> None:
    wrong = LogQuery("x", "x?", ("sweep",), ('filter message = "parked"', "fields why, topic"))
    assert asked(wrong) - known(lines)["parked"] == {"why"}


@pytest.mark.slow
@pytest.mark.xdist_group("infra")
def test_they_are_saved_over_the_groups_of_their_functions(templates: dict[str, Template]) -> None:
    made = {one["Name"]: one for one in properties(templates, "AWS::Logs::QueryDefinition")}
    assert set(made) == {f"hintferry/{query.name}" for query in LOG_QUERIES}
    groups = dict(resources(templates, "AWS::Logs::LogGroup"))
    for query in LOG_QUERIES:
        read = [one["Ref"] for one in made[f"hintferry/{query.name}"]["LogGroupNames"]]
        assert set(read) <= set(groups)
        assert [one.partition("Log")[0].lower() for one in read] == list(query.functions)
