"""One layer and one synthesis for all tests of a process."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.infra.imported import IMPORTED, LOGIN
from tests.infra.logged import logged_lines
from tests.infra.synthesised import Template, synthesise
from tools.places import ROOT


@pytest.fixture(scope="session")
def layer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The layer as it is shipped."""
    from infra.layer import build_layer

    folder = tmp_path_factory.mktemp("layer") / "layer"
    build_layer(folder)
    return folder


@pytest.fixture(scope="session")
def built(layer: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the stacks of the repository's own `migration.toml`."""
    folder = tmp_path_factory.mktemp("stacks")
    (folder / "assets").mkdir()
    (folder / "assets" / "layer").symlink_to(layer)
    return folder


@pytest.fixture(scope="session")
def templates(built: Path) -> dict[str, Template]:
    """The templates of the repository's own `migration.toml`, by stack."""
    return synthesise(ROOT / "migration.toml", built)


@pytest.fixture(scope="session")
def imported(
    layer: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict[str, Template], Path]:
    """Make the stacks where much exists and the source asks for a password; return them."""
    folder = tmp_path_factory.mktemp("imported")
    text = (ROOT / "migration.toml").read_text().replace("port = 9042\n", "port = 9042\n" + LOGIN)
    start, end = text.index("[network]"), text.index("[pipeline]")
    config = folder / "migration.toml"
    declared = 'capacity = "provisioned"\nread_units = 50\nwrite_units = 60\nwarm_read_units = 70'
    config.write_text(text[:start] + IMPORTED + text[end:] + declared)
    (folder / "schema.cql").write_text((ROOT / "schema.cql").read_text())
    (folder / "ca.pem").write_text("a certificate")
    (folder / "assets").mkdir()
    (folder / "assets" / "layer").symlink_to(layer)
    return synthesise(config, folder), folder


@pytest.fixture(scope="session")
def lines() -> dict[str, str]:
    """A line of each kind that the meter logs, by its message."""
    return logged_lines()
