"""Arrows point inwards: the rules know no driver, no AWS and no clock; adapters, each other."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import hintferry
from tools.places import ROOT

PACKAGE = Path(hintferry.__file__).parent

PURE = [path for room in ("core", "live", "sweep") for path in (PACKAGE / room).rglob("*.py")]
PURE = sorted([PACKAGE / "ports.py", *(one for one in PURE if one.name != "__init__.py")])
ARROWS = {
    "ports": ["core"],
    "live": ["core", "ports"],
    "sweep": ["core", "live", "ports"],
    "adapters/aws": ["adapters/clocks", "adapters/driver", "adapters/records", "core", "ports"],
    "adapters/clocks": ["adapters/driver", "core", "ports"],
    "adapters/config": ["adapters/records", "core"],
    "adapters/driver": ["core"],
    "adapters/records": ["core"],
    "adapters/source": ["adapters/clocks", "adapters/config", "adapters/driver", "core", "ports"],
    "adapters/sweep": [
        "adapters/aws",
        "adapters/driver",
        "adapters/source",
        "adapters/target",
        "core",
        "live",
        "ports",
        "sweep",
    ],
    "adapters/target": ["adapters/driver", "adapters/source", "core", "ports"],
    "wiring": [
        "adapters/aws",
        "adapters/clocks",
        "adapters/config",
        "adapters/driver",
        "adapters/records",
        "adapters/source",
        "adapters/sweep",
        "adapters/target",
        "core",
        "live",
        "ports",
        "sweep",
    ],
}
FORBIDDEN = {"cassandra", "boto3", "botocore", "aws_lambda_powertools", "os", "time"}


def imports(path: Path) -> Iterator[str]:
    """The dotted names of all modules that a file imports, at its top or anywhere."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def module_of(path: Path) -> str:
    name = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
    return name.removesuffix(".__init__")


MODULES = {module_of(path): path for path in PACKAGE.rglob("*.py")}


def reached(start: Path) -> set[str]:
    """The modules of the package that are imported with a file, by whatever way."""
    found: set[str] = set()
    due = [start]
    while due:
        for name in imports(due.pop()):
            parts = name.split(".")
            for count in range(1, len(parts) + 1):
                one = ".".join(parts[:count])
                if one in MODULES and one not in found:
                    found.add(one)
                    due.append(MODULES[one])
    return found


def test_the_layer_holds_what_the_handlers_import_and_nothing_else() -> None:
    """The fakes are no part of the layer. What only the operator needs is in `ops`."""
    handlers = sorted((ROOT / "functions").rglob("handler.py"))
    needed = {module for handler in handlers for module in reached(handler)}
    assert {one for one in MODULES if not one.startswith("hintferry.testing")} == needed


def test_no_room_of_the_package_imports_another_that_it_may_not() -> None:
    """The arrows between the rooms: each is in the table, and none leads back."""
    found: dict[str, set[str]] = {}
    for module, path in MODULES.items():
        room = room_of(module)
        for name in imports(path):
            if name.startswith("hintferry") and room_of(name) != room:
                found.setdefault(room, set()).add(room_of(name))
    del found["testing"]
    assert {room: sorted(others) for room, others in found.items()} == ARROWS


def room_of(module: str) -> str:
    """`core`, `live`, or with its adapter `adapters/source`; a file beside them by its name."""
    top, _, rest = module.partition(".")
    if top != "hintferry":
        return top
    parts = rest.split(".")
    if parts[0] == "adapters" and (PACKAGE / "adapters" / "".join(parts[1:2])).is_dir():
        return "/".join(parts[:2])
    return parts[0]


def named(path: Path) -> str:
    return str(path.relative_to(PACKAGE))


def test_the_pure_modules_are_all_found() -> None:
    assert {
        "live/pipeline.py",
        "ports.py",
        "live/reconcile.py",
        "core/rows.py",
        "sweep/verify.py",
    } <= set(map(named, PURE))


@pytest.mark.parametrize("path", PURE, ids=named)
def test_a_pure_module_imports_nothing_from_outside(path: Path) -> None:
    assert set() == {name.partition(".")[0] for name in imports(path)} & FORBIDDEN


@pytest.mark.parametrize("path", PURE, ids=named)
def test_a_pure_module_knows_no_adapter(path: Path) -> None:
    outer = ("hintferry.adapters", "hintferry.wiring", "hintferry.testing")
    assert [name for name in imports(path) if name.startswith(outer)] == []


@pytest.mark.parametrize("path", sorted((PACKAGE / "core").rglob("*.py")), ids=named)
def test_the_core_imports_only_itself_and_the_standard_library(path: Path) -> None:
    hintferry_names = [name for name in imports(path) if name.startswith("hintferry")]
    assert [name for name in hintferry_names if not name.startswith("hintferry.core")] == []


@pytest.mark.parametrize("path", sorted((PACKAGE / "testing").glob("*.py")), ids=named)
def test_the_fakes_know_no_adapter_and_no_clock(path: Path) -> None:
    names = set(imports(path))
    assert set() == {name.partition(".")[0] for name in names} & FORBIDDEN
    assert [name for name in names if name.startswith("hintferry.adapters")] == []


def test_adapters_are_imported_only_by_wiring_handlers_and_each_other() -> None:
    allowed = {*(PACKAGE / "wiring").glob("*.py"), *(PACKAGE / "adapters").rglob("*.py")}
    strangers = [
        named(path)
        for path in PACKAGE.rglob("*.py")
        if path not in allowed
        and any(name.startswith("hintferry.adapters") for name in imports(path))
    ]
    assert strangers == []
