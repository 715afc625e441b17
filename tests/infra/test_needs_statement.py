"""Tables that CloudFormation has no words for are left to statements of CQL."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from hintferry.core.schema import TableId
from hintferry_ops.fit.schema_file import schema_of
from infra.stacks.tables import needs_statement, odd_types
from tests.infra.synthesised import properties, synthesise
from tools.places import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("infra")]


@pytest.mark.parametrize(
    ("columns", "needed"),
    [
        ("id int PRIMARY KEY, v1 int", False),
        ("v int PRIMARY KEY, other int", True),
        ('"Page" int PRIMARY KEY', True),
        (f"{'a' * 49} int PRIMARY KEY", True),
        ("id int, c1 int, s1 int static, PRIMARY KEY (id, c1)", True),
    ],
)
def test_what_cloudformation_does_not_take_is_left_to_cql(columns: str, needed: bool) -> None:
    (table,) = schema_of(f"CREATE TABLE shop.a1 ({columns})", "test").tables.values()
    assert needs_statement(table) is needed


def test_types_with_names_of_their_own_and_what_uses_them_are_left_to_cql() -> None:
    text = """
    CREATE TYPE shop.phone (number1 text);
    CREATE TYPE shop."Phone" (number1 text);
    CREATE TYPE shop.contact (main frozen<map<text, frozen<"Phone">>>);
    CREATE TYPE shop.other (main frozen<phone>);
    CREATE TABLE shop.a1 (id int PRIMARY KEY, v1 list<frozen<contact>>);
    CREATE TABLE shop.a2 (id int PRIMARY KEY, v1 list<frozen<other>>);
    """
    schema = schema_of(text, "test")
    odd = odd_types(schema.types["shop"])
    assert [one.name for one in odd] == ["Phone", "contact"]
    assert [needs_statement(table, odd) for table in schema.tables.values()] == [True, False]


def test_tables_and_types_with_like_names_stay_apart(layer: Path, tmp_path: Path) -> None:
    names = ["shop.user_logins", "shop.userlogins", "shop.Userlogins", "shop_x.events"]
    names.append("shop.x_events")
    made = [TableId(*name.split(".")).cql for name in names]
    types = 'CREATE TYPE shop."Phone" (number1 text);\nCREATE TYPE shop.phone (number1 text);\n'
    tables = [f"CREATE TABLE {name} (id int PRIMARY KEY, v1 text);\n" for name in made]
    last = 'CREATE TABLE shop.calls (id int PRIMARY KEY, v1 frozen<map<int, "Phone">>);\n'
    (tmp_path / "schema.cql").write_text(types + "".join(tables) + last)
    text = (ROOT / "migration.toml").read_text().partition("[tables.")[0]
    config = tmp_path / "migration.toml"
    config.write_text(text + "".join(f'[tables."{name}"]\n' for name in [*names, "shop.calls"]))
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "layer").symlink_to(layer)
    templates = synthesise(config, tmp_path)
    mapped = properties(templates, "AWS::Lambda::EventSourceMapping")
    topics = {topic for one in mapped for topic in one.get("Topics", ())}
    assert topics == {
        *(f"hintferry.{name}" for name in [*names, "shop.calls"] if name != "shop_x.events"),
        "hintferry.shop_x-events",
        "hintferry.hintferry.markers",
    }
    assert {one["TopicName"] for one in properties(templates, "AWS::MSK::Topic")} == topics
    allowed = json.dumps(templates)
    assert all(f"/{topic}" in allowed for topic in topics)
    (run,) = properties(templates, "Custom::KeyspacesStatements")
    text = json.dumps(run["Create"]).replace('\\"', '"')
    assert re.findall(r'EXISTS "shop"\."(\w+)"', text) == [
        "Phone",
        "Userlogins",
        "calls",
    ]
    assert 'frozen<map<int, frozen<"Phone">>>' in text
