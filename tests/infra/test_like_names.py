"""Tables and types whose names differ little stay apart, in the stacks and on Keyspaces."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from hintferry.core.schema import TableId
from tests.infra.synthesised import Template, properties, synthesise
from tools.places import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("infra")]


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
    }
    assert {one["TopicName"] for one in properties(templates, "AWS::MSK::Topic")} == topics
    allowed = json.dumps(templates)
    assert all(f"/{topic}" in allowed for topic in topics)
    text = _created(templates, "Custom::KeyspacesTable")
    assert sorted(re.findall(r'EXISTS "(\w+)"\."(\w+)"', text)) == sorted(
        tuple(name.split(".")) for name in [*names, "shop.calls"]
    )
    assert 'frozen<map<int, frozen<"Phone">>>' in text
    types = _created(templates, "Custom::KeyspacesTypes")
    assert re.findall(r'TYPE IF NOT EXISTS "shop"\."(\w+)"', types) == ["Phone"]


def _created(templates: dict[str, Template], kind: str) -> str:
    """Return the statements of all resources of a type, as they are run."""
    made = [one["Create"] for one in properties(templates, kind)]
    return json.dumps(made).replace('\\"', '"')
