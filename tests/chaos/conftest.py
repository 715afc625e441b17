"""Chaos comes first: its three nodes are gone before the session's own sandbox starts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sandbox.stack import Stack
from tools.releases import Release


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Move what needs three nodes to the front."""
    items.sort(key=lambda item: "chaos_stack" not in getattr(item, "fixturenames", ()))


@pytest.fixture(scope="package")
def chaos_stack(release: Release) -> Iterator[Stack]:
    """Yield one sandbox of three nodes, for every test that needs them."""
    with Stack(nodes=3, release=release, say=print) as stack:
        yield stack
