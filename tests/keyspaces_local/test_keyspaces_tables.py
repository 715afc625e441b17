"""WITH clauses and custom properties: what is cut out, what is kept, what is refused."""

import asyncio
from importlib import import_module
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyspaces_local import properties, rules
from keyspaces_local.behaviour import Behaviour, Conduct
from keyspaces_local.cql import classify
from keyspaces_local.ddl import check_types, checked
from keyspaces_local.options import int_value, map_value, text_value, with_clause
from keyspaces_local.progress import LIMIT, Progress
from keyspaces_local.properties import CLIENT_SIDE_TIMESTAMPS, TTL, altered, changed, is_enabled
from keyspaces_local.rules import RULES, Refusal, Rule
from keyspaces_local.tokens import CqlSyntaxError, literal
from tests.keyspaces_local import readme

ON: dict[str, Any] = {"status": "enabled"}
OFF: dict[str, Any] = {"status": "disabled"}
BODY = 'CREATE TABLE ks.t (a int, "with" text, PRIMARY KEY (a)) /* WITH x = 1 */'


def test_options_are_cut_out_and_the_rest_is_kept() -> None:
    clause = with_clause(
        BODY + " WITH CLUSTERING ORDER BY (a DESC) AND custom_properties = {'ttl': {'status':"
        " 'enabled'}} AND comment = 'a AND b''s' AND compaction = {'class': 'X', 'n': 4};"
    )
    assert [option.name for option in clause.options] == [
        "clustering", "custom_properties", "comment", "compaction",
    ]  # fmt: skip
    kept = clause.rewritten(lambda o: None if o.name == "custom_properties" else clause.source(o))
    assert kept == (
        BODY.removesuffix(" /* WITH x = 1 */") + " WITH CLUSTERING ORDER BY (a DESC) AND"
        " comment = 'a AND b''s' AND compaction = {'class': 'X', 'n': 4}"
    )


def test_a_clause_that_loses_all_options_loses_its_with() -> None:
    clause = with_clause("ALTER TABLE t WITH CUSTOM_PROPERTIES = {'ttl': {'status': 'enabled'}}")
    assert clause.rewritten(lambda option: None) == "ALTER TABLE t"
    assert with_clause("ALTER TABLE t ADD a int;").head == "ALTER TABLE t ADD a int"


def test_values() -> None:
    clause = with_clause(
        "CREATE TABLE t (a int) WITH custom_properties = {'capacity_mode': {'throughput_mode':"
        " 'PROVISIONED', 'read_capacity_units': 10}, 'x': true, 'y': {}}"
        " AND default_time_to_live = 60 AND comment = 'it''s'"
    )
    first, second, third = clause.options
    assert map_value(first) == {
        "capacity_mode": {"throughput_mode": "PROVISIONED", "read_capacity_units": "10"},
        "x": "true",
        "y": {},
    }
    assert (int_value(second), text_value(third)) == (60, "it's")


@pytest.mark.parametrize("value", ["{'a'}", "{'a': }", "{'a': 1", "['a']", "{a: 1}", "{} {}", "?"])
def test_a_broken_map_is_refused(value: str) -> None:
    with pytest.raises(CqlSyntaxError):
        map_value(with_clause(f"ALTER TABLE t WITH custom_properties = {value}").options[0])


def test_an_option_given_twice_is_refused() -> None:
    clause = with_clause("ALTER TABLE t WITH comment = 'a' AND COMMENT = 'b'")
    with pytest.raises(CqlSyntaxError, match="Multiple definition"):
        clause.option("comment")


@given(st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=3))
def test_any_text_survives_in_a_map(fields: dict[str, str]) -> None:
    entries = ", ".join(f"{literal(key)}: {literal(text)}" for key, text in fields.items())
    clause = with_clause(f"ALTER TABLE t WITH tags = {{{entries}}}")
    assert map_value(clause.options[0]) == fields


def refused(change: dict[str, Any], current: dict[str, Any]) -> Refusal:
    with pytest.raises(Refusal) as caught:
        altered(current, change)
    return caught.value


def test_properties_are_kept_beside_the_defaults() -> None:
    start = properties.defaults(5)
    mode = {
        "throughput_mode": "PROVISIONED",
        "read_capacity_units": "10",
        "write_capacity_units": "5",
    }
    result = changed(start, {TTL: ON, "capacity_mode": dict(mode)})
    assert result[TTL] == ON
    assert result["capacity_mode"] == {**mode, "last_update_to_pay_per_request_timestamp": "5"}
    assert start == properties.defaults(5)


@pytest.mark.parametrize("name", [TTL, CLIENT_SIDE_TIMESTAMPS])
def test_one_way_switches(name: str) -> None:
    assert is_enabled(altered({}, {name: ON}), name)
    assert altered({name: ON}, {name: ON}) == {name: ON}
    assert refused({name: OFF}, {name: ON}).rule is rules.PROPERTY_ONE_WAY
    assert not is_enabled(altered({}, {name: OFF}), name)


def test_point_in_time_recovery_goes_off_again() -> None:
    name = "point_in_time_recovery"
    assert altered({name: ON}, {name: OFF}) == {name: OFF}


def test_refused_properties() -> None:
    both: dict[str, Any] = {TTL: ON, CLIENT_SIDE_TIMESTAMPS: ON}
    assert refused(both, {}).rule is rules.PROPERTY_ONE
    assert changed({}, {TTL: ON, CLIENT_SIDE_TIMESTAMPS: ON}) == both
    assert refused({"wibble": ON}, {}).rule is rules.PROPERTY_UNKNOWN
    for value in ("enabled", {"status": "on"}, {}, {"status": {"a": "b"}}):
        assert refused({TTL: value}, {}).rule is rules.PROPERTY_VALUE
    units = {"read_capacity_units": "1", "write_capacity_units": "0"}
    for mode in ({}, {"throughput_mode": "FREE"}, {"throughput_mode": "PROVISIONED", **units}):
        assert refused({"capacity_mode": mode}, {}).rule is rules.PROPERTY_VALUE


def test_rule_names_are_unique() -> None:
    assert len({rule.name for rule in RULES}) == len(RULES) > 20


def test_the_readme_lists_every_rule_with_a_test_that_exists() -> None:
    listed = {cells[0]: cells[1:] for cells in readme.rows("rule")}
    tests = "".join(readme.tests_by_file().values())
    assert set(listed) == {rule.name for rule in RULES}
    for rule in RULES:
        code, known_class, known, source, test = listed[rule.name]
        assert (int(code, 16), source) == (rule.code, rule.source)
        assert (known_class, known) == (rule.known_class.value, rule.known.value)
        assert f"def {test}(" in tests


def test_the_readme_lists_behaviours_with_their_figures_and_tests_that_exist() -> None:
    tests = "".join(readme.tests_by_file().values())
    listed = readme.rows("behaviour")
    assert len(listed) > 20
    for _, constant, figure, source, test in listed:
        assert source
        assert f"def {test}(" in tests
        module, _, name = constant.partition(".")
        if module:
            assert getattr(import_module(f"keyspaces_local.{module}"), name) == int(figure)


@pytest.mark.parametrize("option", ["AUTOSCALING_SETTINGS", "CLIENT_SIDE_TIMESTAMPS"])
def test_options_that_are_not_imitated_are_refused(option: str) -> None:
    with pytest.raises(Refusal) as caught:
        checked(with_clause(f"CREATE TABLE t (a int PRIMARY KEY) WITH {option} = {{'a': 'b'}}"))
    assert caught.value.rule is rules.TABLE_OPTION


def test_ddl_under_way_has_a_limit_and_ends_in_order() -> None:
    conduct, done = Conduct(), list[str]()

    async def case() -> None:
        progress = Progress(conduct)
        await progress.until(("ks", "now"), "CREATING", lambda: end("now"))
        assert done == ["now"]
        conduct.behave(Behaviour(ddl_seconds=0.05))
        for number in range(LIMIT):
            progress.check(("ks", f"t{number}"))
            await progress.until(("ks", f"t{number}"), "CREATING", lambda: end("later"))
        assert refusal(progress, "t3") is rules.TABLE_BUSY
        assert refusal(progress, "other") is rules.DDL_LIMIT
        async with asyncio.timeout(10):
            while len(done) <= LIMIT:
                await asyncio.sleep(0.01)
        progress.check(("ks", "t3"))
        assert len(done) == LIMIT + 1

    async def end(name: str) -> None:
        done.append(name)

    asyncio.run(case())


def test_a_client_that_sees_the_end_of_ddl_is_not_refused_for_it() -> None:
    conduct = Conduct()
    conduct.behave(Behaviour(ddl_seconds=0.01))

    async def case() -> None:
        progress, visible = Progress(conduct), asyncio.Event()

        async def end() -> None:
            visible.set()
            await asyncio.sleep(0.05)

        await progress.until(("ks", "t"), "DELETING", end)
        await visible.wait()
        async with progress.lock:
            progress.check(("ks", "t"))

    asyncio.run(case())


def refusal(progress: Progress, table: str) -> Rule:
    with pytest.raises(Refusal) as caught:
        progress.check(("ks", table))
    return caught.value.rule


def test_only_types_that_the_service_has_are_taken() -> None:
    check_types(classify("CREATE TABLE t (k int PRIMARY KEY, vector text, v list<float>)"))
    with pytest.raises(Refusal) as caught:
        check_types(classify("CREATE TABLE t (k int PRIMARY KEY, v VECTOR <float, 3>)"))
    assert caught.value.rule is rules.COLUMN_TYPE
    with pytest.raises(Refusal) as caught:
        check_types(classify("ALTER TABLE t ADD v 'org.apache.cassandra.db.marshal.BytesType'"))
    assert caught.value.rule is rules.COLUMN_TYPE
    check_types(classify("CREATE TABLE t (k int PRIMARY KEY) WITH comment = 'vector < masked'"))


def nested(levels: int) -> str:
    return "frozen<list<" * levels + "int" + ">>" * levels


@pytest.mark.parametrize(
    "start",
    [
        "CREATE TABLE t (k int PRIMARY KEY, v {})",
        "ALTER TABLE t ADD v {}",
        "CREATE TYPE t (u frozen<u>, v {})",
    ],
)
def test_frozen_collections_nest_so_deep(start: str) -> None:
    check_types(classify(start.format(nested(8))))
    with pytest.raises(Refusal) as caught:
        check_types(classify(start.format(nested(9))))
    assert caught.value.rule is rules.FROZEN_NESTING


@pytest.mark.parametrize(
    "text",
    [
        "ALTER TABLE t ADD IF NOT EXISTS v int",
        "CREATE TABLE t (k int PRIMARY KEY, v text MASKED WITH mask_inner(1, null))",
    ],
)
def test_words_that_came_after_3_11_are_syntax_errors(text: str) -> None:
    with pytest.raises(CqlSyntaxError):
        check_types(classify(text))


def test_a_sum_is_not_assigned_in_short() -> None:
    for change in ("n += 1", "l -= ?"):
        with pytest.raises(CqlSyntaxError):
            classify(f"UPDATE t SET {change} WHERE k = 1")
