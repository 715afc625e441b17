"""Test what Lambda unpacks to /opt: wheels for its processor and Python, and Hintferry."""

from __future__ import annotations

import re
from pathlib import Path

import certifi
import pytest

from infra.layer import build_layer
from tools.places import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("infra")]

UNPACKED_LIMIT = 250 * 1024 * 1024
ROOTS = ("Amazon Root CA 1", "Amazon Root CA 2", "Amazon Root CA 3", "Amazon Root CA 4",
         "Starfield Services Root Certificate Authority - G2")  # fmt: skip


def test_every_compiled_module_is_for_the_processor_and_python_of_lambda(layer: Path) -> None:
    compiled = list(layer.rglob("*.so"))
    modules = [path for path in compiled if ".cpython-" in path.name]
    assert len(modules) > 10
    assert {path.name.split(".", 1)[1] for path in modules} == {"cpython-313-aarch64-linux-gnu.so"}
    for path in compiled:
        head = path.read_bytes()[:20]
        assert head[:4] == b"\x7fELF", path.name
        assert int.from_bytes(head[18:20], "little") == 183, f"{path.name} is not for aarch64"


def test_every_wheel_of_the_layer_is_for_the_processor_and_python_of_lambda(layer: Path) -> None:
    tags = [
        line.removeprefix("Tag: ")
        for file in layer.rglob("*.dist-info/WHEEL")
        for line in file.read_text().splitlines()
        if line.startswith("Tag: ")
    ]
    assert len(tags) > 10
    for tag in tags:
        python, abi, platform = tag.split("-")
        if platform == "any":
            assert (python, abi) in (("py3", "none"), ("py2", "none")), tag
        else:
            assert "aarch64" in platform, tag
            assert (python, abi) == ("cp313", "cp313") or abi == "abi3", tag


def test_what_the_other_processor_imports_is_in_the_layer_too(layer: Path, tmp_path: Path) -> None:
    """The functions are run with a layer for this machine: `test_shipped`."""
    build_layer(tmp_path / "layer", "x86_64")
    assert modules(tmp_path / "layer") == modules(layer)


def modules(folder: Path) -> set[str]:
    """Every module of a layer, compiled or not, by its path without what names a processor."""
    files = [path for end in ("*.py", "*.so", "*.so.*") for path in folder.rglob(end)]
    named = r"x86_64|aarch64|-[0-9a-f]{8}(?=\.so)"
    return {re.sub(named, "*", str(path.relative_to(folder))) for path in files}


def test_it_fits_and_names_no_machine(layer: Path) -> None:
    files = [path for path in layer.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < UNPACKED_LIMIT / 3
    assert (layer / "python" / "hintferry" / "wiring" / "live.py").exists()
    assert not [path for path in files if "__pycache__" in path.parts]
    for path in files:
        assert str(ROOT).encode() not in path.read_bytes(), path


def test_the_certificates_of_keyspaces_are_in_the_layer(layer: Path) -> None:
    shipped = (layer / "python" / "certifi" / "cacert.pem").read_text()
    assert shipped == Path(certifi.where()).read_text()
    for name in ROOTS:
        assert name in shipped
