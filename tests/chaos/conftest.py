"""Chaos comes first: its three nodes are gone before the session's own sandbox starts."""

from __future__ import annotations

import pytest


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Move what needs three nodes to the front."""
    items.sort(key=lambda item: "chaos_stack" not in getattr(item, "fixturenames", ()))
