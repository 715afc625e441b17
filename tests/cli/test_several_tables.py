"""Test how verbs take tables: names, keyspaces and --all, and that one holds no other."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import typer
from botocore.exceptions import ClientError
from typer.testing import CliRunner

from hintferry.adapters.config.settings import migration_from
from hintferry.core.errors import ConfigurationError, Side, Unreachable
from hintferry.core.schema import TableId
from hintferry_cli import tables
from hintferry_cli.app import app
from hintferry_cli.each import as_trees, for_each, of_all
from hintferry_cli.exits import Status, Unfinished
from hintferry_cli.failures import GlobalOptions
from hintferry_cli.tables import (
    as_arguments,
    check_whole,
    chosen,
    chosen_or_all,
    known_names,
)
from tests.cli.test_sweep_command import CONFIG

ORDERS, VISITS = TableId("shop", "orders"), TableId("shop", "visits")
READINGS = TableId("other", "Readings")
MINE = GlobalOptions(debug=False)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "migration.toml"
    path.write_text(CONFIG)
    return path


@pytest.mark.parametrize(
    ("names", "every", "meant"),
    [
        (["shop.orders"], False, [ORDERS]),
        (["shop"], False, [ORDERS, VISITS]),
        (["other", "shop.visits"], False, [READINGS, VISITS]),
        (["shop.visits", "shop", "shop.visits"], False, [VISITS, ORDERS]),
        (None, True, [ORDERS, VISITS, READINGS]),
    ],
)
def test_names_keyspaces_and_all_choose_each_table_once(
    names: list[str] | None, every: bool, meant: list[TableId], config: Path
) -> None:
    assert chosen(migration_from(config), config, names, every=every) == meant


GROUPS = '[groups]\ncheckout = ["shop.visits", "shop.orders"]\n'


@pytest.fixture
def grouped(config: Path) -> Path:
    config.write_text(CONFIG + GROUPS)
    return config


def test_a_group_stands_for_its_tables(grouped: Path) -> None:
    migration = migration_from(grouped)
    assert chosen(migration, grouped, ["checkout"], every=False) == [VISITS, ORDERS]
    meant = chosen(migration, grouped, ["shop.orders", "checkout", "other"], every=False)
    assert meant == [ORDERS, VISITS, READINGS]
    assert as_arguments(migration, meant[:2]) == ["checkout"]
    assert as_arguments(migration, [READINGS, ORDERS]) == ["other.Readings", "shop.orders"]
    with pytest.raises(ConfigurationError, match=r"Checkout is not .*: write checkout$"):
        chosen(migration, grouped, ["Checkout"], every=False)
    with pytest.raises(ConfigurationError, match=r"it lists checkout, shop.orders, "):
        chosen(migration, grouped, ["nope"], every=False)


def test_a_table_of_a_group_is_not_switched_alone(grouped: Path) -> None:
    migration = migration_from(grouped)
    check_whole(migration, [READINGS])
    check_whole(migration, [ORDERS, READINGS, VISITS])
    says = r"shop.orders is in the group checkout, .*; name checkout, so that shop.visits goes with"
    with pytest.raises(ConfigurationError, match=says):
        check_whole(migration, [READINGS, ORDERS])


def test_a_verb_that_only_reads_takes_all_where_nothing_is_named(config: Path) -> None:
    migration = migration_from(config)
    everything = chosen(migration, config, None, every=True)
    assert chosen_or_all(migration, config, None, every=False) == everything
    assert chosen_or_all(migration, config, ["other"], every=False) == [READINGS]
    with pytest.raises(ConfigurationError, match="--all alone"):
        chosen_or_all(migration, config, ["other"], every=True)


@pytest.mark.parametrize(
    ("names", "every", "says"),
    [
        (None, False, "give tables as keyspace.table, keyspaces, groups, waves, or --all alone"),
        (["shop"], True, "give tables as keyspace.table, keyspaces, groups, waves, or --all alone"),
        (["orders"], False, "orders is not a table of .*: write shop.orders$"),
        (["Shop.Orders"], False, "Shop.Orders is not a table of .*: write shop.orders$"),
        (["other.readings"], False, "other.readings is not .*: write other.Readings$"),
        (["SHOP"], False, "SHOP is not a table of .*: write shop$"),
        (["shop.nope"], False, r"shop.nope is not .*toml: it lists shop.orders, shop.visits, "),
        (["nope"], False, "nope is not .*: write it as keyspace.table; it lists shop.orders, "),
    ],
)
def test_a_name_that_is_not_known_is_one_sentence(
    names: list[str] | None, every: bool, says: str, config: Path
) -> None:
    with pytest.raises(ConfigurationError, match=says):
        chosen(migration_from(config), config, names, every=every)


def test_a_keyspace_with_the_name_of_a_table_stands_for_its_tables(config: Path) -> None:
    config.write_text(CONFIG + '[tables."orders.lines"]\n')
    found = chosen(migration_from(config), config, ["orders"], every=False)
    assert found == [TableId("orders", "lines")]


def test_a_long_list_is_not_told_whole(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "MOST_LISTED", 1)
    with pytest.raises(ConfigurationError, match=r"it lists shop.orders and 2 more$"):
        chosen(migration_from(config), config, ["a.b"], every=False)
    config.write_text(CONFIG.partition("[tables")[0])
    with pytest.raises(ConfigurationError, match=r"lists no table; add one as \[tables"):
        chosen(migration_from(config), config, None, every=True)


def test_a_shell_completes_the_names_of_the_configuration(
    config: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def completed(given: Path | None, incomplete: str) -> list[str]:
        context = SimpleNamespace(params={"config": given})
        return known_names(cast(typer.Context, context), incomplete)

    assert completed(config, "") == [
        "shop",
        "other",
        "shop.orders",
        "shop.visits",
        "other.Readings",
    ]
    assert completed(config, "shop.") == ["shop.orders", "shop.visits"]
    monkeypatch.setenv("HINTFERRY_CONFIG", str(config))
    assert completed(None, "o") == ["other", "other.Readings"]
    assert completed(tmp_path / "none.toml", "") == []
    config.write_text(CONFIG + GROUPS)
    assert completed(config, "c") == ["checkout"]


def test_all_tables_are_named_shortly(config: Path) -> None:
    migration = migration_from(config)
    assert as_arguments(migration, [VISITS, ORDERS, READINGS]) == ["--all"]
    assert as_arguments(migration, [VISITS, ORDERS]) == ["shop.visits", "shop.orders"]


def test_a_table_that_fails_does_not_hold_the_others(capsys: pytest.CaptureFixture[str]) -> None:
    def do(table: TableId) -> tuple[str, Status]:
        if table == ORDERS:
            raise ConfigurationError("it was cut over; undo that")
        if table == READINGS:
            raise ClientError({"Error": {"Code": "SlowDown"}}, "SendMessage")
        return f"did {table}", Status.DONE

    ends = for_each([ORDERS, VISITS, READINGS], do, MINE)
    assert [one.status for one in ends] == [Status.UNUSABLE, Status.DONE, Status.UNAVAILABLE]
    assert as_trees(ends, lambda text: {"said": text})[:2] == [
        {"table": "shop.orders", "error": "it was cut over; undo that", "status": 2},
        {"said": "did shop.visits", "error": None, "status": 0},
    ]
    told = capsys.readouterr().err
    assert told.startswith("hintferry: shop.orders: it was cut over; undo that\n")
    assert of_all(ends) is Status.UNFINISHED
    with pytest.raises(ConfigurationError):
        for_each([ORDERS], do, MINE)


def test_an_interruption_says_which_tables_are_left(capsys: pytest.CaptureFixture[str]) -> None:
    def do(table: TableId) -> tuple[str, Status]:
        if table == VISITS:
            raise KeyboardInterrupt
        return "", Status.DONE

    with pytest.raises(KeyboardInterrupt):
        for_each([ORDERS, VISITS, READINGS], do, MINE)
    assert capsys.readouterr().err == (
        "not finished: shop.visits, other.Readings; name only these to go on\n"
    )


@pytest.mark.parametrize(
    ("found", "together"),
    [
        ("00", 0), ("01", 1), ("11", 1), ("02", 4), ("13", 4), ("04", 4), ("44", 4), ("22", 2),
        ("33", 3), ("23", 2), ("24", 4), ("012", 4),
    ],
)  # fmt: skip
def test_the_exit_status_of_several_tables_tells_the_truth(found: str, together: int) -> None:
    numbers = iter(map(int, found))
    ends = for_each([ORDERS] * len(found), lambda _: ("", Status(next(numbers))), MINE)
    assert of_all(ends) == together


def test_an_error_of_the_middle_is_shown_with_its_trace_under_debug() -> None:
    def do(table: TableId) -> tuple[str, Status]:
        raise Unreachable(Side.SOURCE, "cannot connect")

    with pytest.raises(Unreachable):
        for_each([ORDERS, VISITS], do, GlobalOptions(debug=True))


def test_a_pass_over_all_tables_tells_of_each_that_failed(config: Path, tmp_path: Path) -> None:
    call = ["verify", "--all", "--config", str(config), "--bookmarks", str(tmp_path / "b")]
    result = CliRunner().invoke(app, [*call, "--json"])
    assert result.exit_code == Status.UNAVAILABLE, result.output
    told = json.loads(result.stdout)
    assert [one["status"] for one in told["tables"]] == [3, 3, 3]
    assert all("cannot connect" in one["error"] for one in told["tables"])
    assert [(one["verb"], one["arguments"][0]) for one in told["next_steps"]] == [
        ("verify", "--all")
    ]
    assert [line.split(": ")[1] for line in result.stderr.splitlines()] == [
        "shop.orders", "shop.visits", "other.Readings",
    ]  # fmt: skip


def test_what_is_told_is_a_tree(capsys: pytest.CaptureFixture[str]) -> None:
    def do(table: TableId) -> tuple[dict[str, Any], Status]:
        raise Unfinished("a disk is full")

    trees = as_trees(for_each([ORDERS, VISITS], do, MINE), dict)
    assert json.loads(json.dumps(trees))[1]["error"] == "a disk is full"
