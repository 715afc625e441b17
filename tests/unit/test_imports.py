"""Arrows point inwards: the rules know no driver, no AWS and no clock; adapters, each other."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import hintferry

PACKAGE = Path(hintferry.__file__).parent

PURE = [*(PACKAGE / "core").rglob("*.py"), *PACKAGE.glob("*.py")]
PURE = sorted(path for path in PURE if path.name != "__init__.py")
FORBIDDEN = {"cassandra", "boto3", "botocore", "aws_lambda_powertools", "os", "time"}


def imports(path: Path) -> Iterator[str]:
    """The dotted names of all modules that a file imports, at its top or anywhere."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def named(path: Path) -> str:
    return str(path.relative_to(PACKAGE))


def test_the_pure_modules_are_all_found() -> None:
    assert {"pipeline.py", "ports.py", "reconcile.py", "core/plan.py"} <= set(map(named, PURE))


@pytest.mark.parametrize("path", PURE, ids=named)
def test_a_pure_module_imports_nothing_from_outside(path: Path) -> None:
    assert set() == {name.partition(".")[0] for name in imports(path)} & FORBIDDEN


@pytest.mark.parametrize("path", PURE, ids=named)
def test_a_pure_module_knows_no_adapter(path: Path) -> None:
    outer = ("hintferry.adapters", "hintferry.wiring", "hintferry.testing")
    assert [name for name in imports(path) if name.startswith(outer)] == []


@pytest.mark.parametrize("path", sorted((PACKAGE / "core").rglob("*.py")), ids=named)
def test_the_core_imports_only_itself_and_the_standard_library(path: Path) -> None:
    ours = [name for name in imports(path) if name.startswith("hintferry")]
    assert [name for name in ours if not name.startswith("hintferry.core")] == []


@pytest.mark.parametrize("path", sorted((PACKAGE / "testing").glob("*.py")), ids=named)
def test_the_fakes_know_no_adapter_and_no_clock(path: Path) -> None:
    names = set(imports(path))
    assert set() == {name.partition(".")[0] for name in names} & FORBIDDEN
    assert [name for name in names if name.startswith("hintferry.adapters")] == []


def test_adapters_are_imported_only_by_wiring_handlers_and_each_other() -> None:
    allowed = {*(PACKAGE / "wiring").glob("*.py"), *(PACKAGE / "adapters").glob("*.py")}
    strangers = [
        named(path)
        for path in PACKAGE.rglob("*.py")
        if path not in allowed
        and any(name.startswith("hintferry.adapters") for name in imports(path))
    ]
    assert strangers == []
