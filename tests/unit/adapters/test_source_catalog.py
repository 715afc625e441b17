"""A table is known as the node knows it that has the latest schema, however nodes differ."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

import pytest

from hintferry.adapters.config.settings import TableSettings
from hintferry.adapters.driver.session import CqlSession
from hintferry.adapters.source import catalog as catalog_module
from hintferry.adapters.source import masking
from hintferry.adapters.source.catalog import REMEMBER_FAILURE_S, VERSION_CHECK_S, SourceCatalog
from hintferry.core.errors import Masked, Unavailable, UnknownTable
from hintferry.core.schema import TableId
from tests.unit.three_nodes import KEY, NEW, OLD, ORDERS, Cluster, Host, ReportedSchema, column

ABSENT = ReportedSchema(b"v0", None)


@pytest.fixture
def nodes() -> Cluster:
    return Cluster([Host(f"10.0.0.{number}", OLD) for number in (1, 2, 3)])


@pytest.fixture
def catalog(nodes: Cluster, monkeypatch: pytest.MonkeyPatch) -> SourceCatalog:
    return over(nodes, monkeypatch)


def over(
    nodes: Cluster,
    monkeypatch: pytest.MonkeyPatch,
    settings: Sequence[TableSettings] = (),
) -> SourceCatalog:
    monkeypatch.setattr(catalog_module, "time", nodes)
    monkeypatch.setattr(masking, "time", nodes)
    return SourceCatalog(cast(CqlSession, nodes), settings)


def columns(catalog: SourceCatalog, altered_us: int = 0) -> list[str]:
    return list(catalog.table(ORDERS, altered_us).regular_names)


def looked_at_by(nodes: Cluster, catalog: SourceCatalog, times: int) -> list[list[str]]:
    """Return what the catalog says while the nodes take turns to answer its looks."""
    found = []
    for _ in range(times):
        nodes.now += VERSION_CHECK_S
        found.append(columns(catalog))
    return found


@pytest.mark.parametrize("lag_s", [0.02, 0.05, 0.1, 0.3, 1.0])
def test_a_worker_never_stays_without_a_column_that_nodes_learn_of_one_after_the_other(
    lag_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 300 workers 9 to 132 stayed so, where version and columns came from different nodes."""
    for seed in range(100):
        draw = random.Random(seed)
        times = [101.0, *(101.0 + draw.random() * lag_s for _ in range(2))]
        hosts = [Host(f"10.0.0.{number}", OLD, (at, NEW)) for number, at in enumerate(times)]
        nodes = Cluster(hosts, turn=draw.randrange(3))
        catalog = over(nodes, monkeypatch)
        while nodes.now < 110:
            columns(catalog)
            nodes.turn += draw.randrange(3)
            nodes.now += draw.uniform(0.005, 0.05)
        assert columns(catalog) == ["a", "c"], seed


def test_everything_of_a_table_comes_from_one_node(nodes: Cluster, catalog: SourceCatalog) -> None:
    columns(catalog)
    _, *described = nodes.asked
    assert len({host for host, _ in described}) == 1
    assert described[0] == described[-1]


def test_a_description_during_which_the_schema_moved_is_thrown_away(
    nodes: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    for host in nodes.hosts:
        # Between the questions for the version before and for the columns.
        host.later = (100.0025, NEW)
    catalog = over(nodes, monkeypatch)
    assert columns(catalog) == ["a", "c"]
    assert catalog.table(ORDERS).altered_us == NEW.altered_us


def test_a_late_node_does_not_take_a_column_back(nodes: Cluster, catalog: SourceCatalog) -> None:
    for host in nodes.hosts[:2]:
        host.schema = NEW
    looked_at_by(nodes, catalog, 3)
    assert looked_at_by(nodes, catalog, 12) == [["a", "c"]] * 12


def test_nodes_that_differ_cost_no_more_than_nodes_that_agree(
    nodes: Cluster, catalog: SourceCatalog
) -> None:
    nodes.hosts[0].schema = NEW
    looked_at_by(nodes, catalog, 6)
    nodes.asked.clear()
    forgotten = nodes.forgotten
    looked_at_by(nodes, catalog, 30)
    assert len(nodes.asked) == 30
    assert nodes.forgotten == forgotten


def test_a_hint_of_a_later_alteration_is_read_by_it_whichever_node_answers(
    nodes: Cluster, catalog: SourceCatalog
) -> None:
    assert columns(catalog) == ["a"]
    nodes.hosts[0].schema = NEW
    assert columns(catalog, NEW.altered_us) == ["a", "c"]


def test_a_hint_of_an_alteration_that_no_node_tells_of_is_held_while_one_is_silent(
    nodes: Cluster, catalog: SourceCatalog
) -> None:
    assert columns(catalog) == ["a"]
    nodes.hosts[0].is_silent = True
    with pytest.raises(Unavailable, match=r"10\.0\.0\.1 does not say"):
        columns(catalog, NEW.altered_us)
    assert columns(catalog) == ["a"]
    nodes.hosts[0].is_silent, nodes.hosts[0].schema = False, NEW
    nodes.now += REMEMBER_FAILURE_S
    assert columns(catalog, NEW.altered_us) == ["a", "c"]


def test_a_hint_held_is_not_asked_for_again_for_each_record(
    nodes: Cluster, catalog: SourceCatalog
) -> None:
    columns(catalog)
    nodes.hosts[0].is_silent = True
    for _ in range(20):
        with pytest.raises(Unavailable):
            columns(catalog, NEW.altered_us)
    assert len(nodes.asked) < 20


def test_where_all_nodes_agree_an_earlier_alteration_is_the_latest(
    nodes: Cluster, catalog: SourceCatalog
) -> None:
    """A type that was dropped takes its time with it, so that of its tables falls."""
    for host in nodes.hosts:
        host.schema = ReportedSchema(b"v2", OLD.columns, 300)
    assert catalog.table(ORDERS, 300).altered_us == 300
    for host in nodes.hosts:
        host.schema = ReportedSchema(b"v3", OLD.columns, 100)
    nodes.now += VERSION_CHECK_S
    assert catalog.table(ORDERS, 300).altered_us == 100
    asked = len(nodes.asked)
    assert catalog.table(ORDERS, 300).altered_us == 100
    assert len(nodes.asked) == asked


def test_a_node_that_is_down_keeps_nobody_waiting(nodes: Cluster, catalog: SourceCatalog) -> None:
    nodes.hosts[0].is_up = False
    assert columns(catalog, NEW.altered_us) == ["a"]


def test_a_table_that_one_node_knows_is_there(nodes: Cluster, catalog: SourceCatalog) -> None:
    for host in nodes.hosts[1:]:
        host.schema = ABSENT
    assert columns(catalog) == ["a"]


def test_a_table_is_unknown_only_where_every_node_says_so(
    nodes: Cluster, catalog: SourceCatalog
) -> None:
    for host in nodes.hosts:
        host.schema = ABSENT
    nodes.hosts[2].schema = ReportedSchema(b"v9", None)
    with pytest.raises(Unavailable, match="do not have the same schema"):
        catalog.table(ORDERS)
    nodes.hosts[2].schema = ABSENT
    nodes.now += REMEMBER_FAILURE_S
    with pytest.raises(UnknownTable):
        catalog.table(ORDERS)
    nodes.hosts[0].schema = OLD
    nodes.now += REMEMBER_FAILURE_S
    assert columns(catalog) == ["a"]


def test_a_table_that_was_dropped_is_unknown_when_every_node_says_so(
    nodes: Cluster, catalog: SourceCatalog
) -> None:
    assert columns(catalog) == ["a"]
    for host in nodes.hosts:
        host.schema = ABSENT
    nodes.now += VERSION_CHECK_S
    with pytest.raises(UnknownTable):
        catalog.table(ORDERS)


def test_a_table_that_did_not_change_stays_the_very_same(
    nodes: Cluster, catalog: SourceCatalog
) -> None:
    first = catalog.table(ORDERS)
    for host in nodes.hosts:
        host.schema = ReportedSchema(b"v7", OLD.columns, OLD.altered_us)
    nodes.now += VERSION_CHECK_S
    assert catalog.table(ORDERS) is first


def test_an_alteration_makes_a_table_another_whose_columns_are_as_before(
    nodes: Cluster, catalog: SourceCatalog
) -> None:
    """A column that was dropped and added again looks as before; a sweep begins again."""
    first = catalog.table(ORDERS)
    for host in nodes.hosts:
        host.schema = ReportedSchema(b"v7", OLD.columns, 300)
    nodes.now += VERSION_CHECK_S
    again = catalog.table(ORDERS)
    assert again.regulars == first.regulars
    assert again != first


def test_a_sweep_waits_until_all_nodes_have_the_same_table(
    nodes: Cluster, catalog: SourceCatalog
) -> None:
    nodes.hosts[0].schema = NEW
    with pytest.raises(Unavailable, match="do not have the same schema"):
        catalog.agreed(ORDERS)
    for host in nodes.hosts:
        host.schema = NEW
    assert catalog.agreed(ORDERS).regular_names == ("a", "c")
    nodes.hosts[0].schema = ReportedSchema(b"v9", NEW.columns, NEW.altered_us)
    assert catalog.agreed(ORDERS).regular_names == ("a", "c")


def test_types_count_as_part_of_every_table_of_their_keyspace(
    nodes: Cluster, catalog: SourceCatalog
) -> None:
    texts = b"\0\0\0\1\0\0\0\1x"
    fields = (b"pair", texts, b"\0\0\0\1\0\0\0\3int", (500).to_bytes(8))
    for host in nodes.hosts:
        host.schema = ReportedSchema(
            b"v4", (KEY, column("a", cql_type="frozen<pair>")), 100, (), (fields,)
        )
    found = catalog.table(ORDERS)
    assert found.altered_us == 500
    assert found.user_types[0].fields == (("x", "int"),)


MASKED = ReportedSchema(b"v5", OLD.columns, 300, ("a",))


@pytest.fixture
def masked(nodes: Cluster) -> Cluster:
    for host in nodes.hosts:
        host.schema = MASKED
    return nodes


def test_a_masked_table_is_refused_with_the_grant(masked: Cluster, catalog: SourceCatalog) -> None:
    with pytest.raises(Masked, match=r'GRANT UNMASK ON TABLE "shop"."orders" TO "hintferry"'):
        catalog.table(ORDERS)
    with pytest.raises(Masked):
        catalog.agreed(ORDERS)


def test_a_mask_that_appears_is_refused_at_the_next_look(
    nodes: Cluster, catalog: SourceCatalog
) -> None:
    assert columns(catalog) == ["a"]
    nodes.hosts[0].schema = MASKED
    nodes.now += VERSION_CHECK_S * 1.01
    with pytest.raises(Masked):
        looked_at_by(nodes, catalog, 3)


def test_a_permission_counts_only_when_every_node_believes_it(
    masked: Cluster, catalog: SourceCatalog
) -> None:
    masked.granted = {"hintferry"}
    masked.hosts[1].unmasks = False
    with pytest.raises(Masked):
        catalog.table(ORDERS)
    masked.hosts[1].unmasks = True
    assert columns(catalog) == ["a"]


def test_a_permission_that_is_taken_back_is_seen(masked: Cluster, catalog: SourceCatalog) -> None:
    masked.granted = {"hintferry"}
    assert columns(catalog) == ["a"]
    masked.granted = set()
    masked.now += masking.PROOF_HOLDS_S
    with pytest.raises(Masked):
        catalog.table(ORDERS)


@pytest.mark.parametrize(
    "login",
    [
        {"roles": {"hintferry": True}},
        {"refuses_lists": True},
        {"own": None, "granted": {"hintferry"}},
    ],
    ids=["superuser", "no permissions kept", "a certificate's role"],
)
def test_other_logins_that_see_what_is_stored(
    login: dict[str, Any], masked: Cluster, catalog: SourceCatalog
) -> None:
    for name, value in login.items():
        setattr(masked, name, value)
    assert columns(catalog) == ["a"]


def test_the_permission_of_another_role_is_not_ours(
    masked: Cluster, catalog: SourceCatalog
) -> None:
    masked.roles, masked.granted = {"hintferry": False, "boss": True, "other": False}, {"other"}
    with pytest.raises(Masked):
        catalog.table(ORDERS)


def test_before_cassandra_5_there_are_no_masks(nodes: Cluster, catalog: SourceCatalog) -> None:
    for host in nodes.hosts:
        host.has_masks = False
    assert columns(catalog) == ["a"]


def test_what_other_nodes_tell_counts_while_one_is_silent(
    nodes: Cluster, catalog: SourceCatalog
) -> None:
    assert columns(catalog) == ["a"]
    nodes.hosts[0].schema, nodes.hosts[2].is_silent = NEW, True
    assert columns(catalog, NEW.altered_us) == ["a", "c"]


def test_a_table_that_is_dropped_on_one_node_after_the_other_ends_as_unknown(
    nodes: Cluster, catalog: SourceCatalog
) -> None:
    assert columns(catalog) == ["a"]
    nodes.hosts[0].schema = ABSENT
    assert looked_at_by(nodes, catalog, 30) == [["a"]] * 30
    for host in nodes.hosts:
        host.schema = ABSENT
    nodes.now += REMEMBER_FAILURE_S
    with pytest.raises(UnknownTable):
        catalog.table(ORDERS)


def test_a_table_that_one_node_lacks_is_not_asked_for_at_each_look(
    nodes: Cluster, catalog: SourceCatalog
) -> None:
    nodes.hosts[0].schema = ABSENT
    looked_at_by(nodes, catalog, 3)
    nodes.asked.clear()
    looked_at_by(nodes, catalog, 30)
    questions = [text for _, text in nodes.asked if "system_schema.columns" in text]
    assert len(questions) < 12


def test_a_sweep_of_a_table_that_no_node_tells_of_waits_or_ends(
    nodes: Cluster, catalog: SourceCatalog
) -> None:
    assert columns(catalog) == ["a"]
    for host in nodes.hosts:
        host.schema = ABSENT
    nodes.hosts[0].is_silent = True
    with pytest.raises(Unavailable, match=r"10\.0\.0\.1 does not say"):
        catalog.agreed(ORDERS)
    nodes.hosts[0].is_silent = False
    with pytest.raises(UnknownTable):
        catalog.agreed(ORDERS)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ([], 600),
        ([TableSettings(ORDERS, longest_ttl=60)], 60),
        ([TableSettings(ORDERS, longest_ttl=0)], 0),
        ([TableSettings(ORDERS, ttl=False)], 0),
        ([TableSettings(TableId("shop", "visits"), longest_ttl=60)], 600),
    ],
)
def test_what_the_operator_says_replaces_the_default_ttl(
    said: Sequence[TableSettings], expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    nodes = Cluster([Host("10.0.0.1", replace(OLD, default_ttl=600))])
    catalog = over(nodes, monkeypatch, said)
    assert catalog.table(ORDERS).longest_ttl == expected
    assert catalog.agreed(ORDERS) is catalog.table(ORDERS)


@pytest.mark.parametrize(
    ("releases", "expected"),
    [
        (["5.0.9", "5.0.9"], True),
        (["5.1", "10.0-SNAPSHOT"], True),
        (["5.0.9", "4.1.7"], False),
        (["4.1.7", "4.1.7"], False),
        (["5.0.9", None], False),
    ],
)
def test_elements_are_asked_only_where_every_node_tells_of_them(
    releases: list[str | None], expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    hosts = [Host(str(release), OLD, release_version=release) for release in releases]
    catalog = over(Cluster(hosts), monkeypatch)
    assert catalog.table(ORDERS).tells_elements is expected
