"""What Lambda unpacks: wheels for its processor, and functions that start with nothing else."""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import certifi
import pytest

from infra import figures
from tests.infra.synthesised import Template, properties
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


def test_it_fits_and_names_no_machine(layer: Path) -> None:
    files = [path for path in layer.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < UNPACKED_LIMIT / 3
    assert (layer / "python" / "hintferry" / "wiring.py").exists()
    assert not [path for path in files if "__pycache__" in path.parts]
    for path in files:
        assert str(ROOT).encode() not in path.read_bytes(), path


def test_the_certificates_of_keyspaces_are_in_the_layer(layer: Path) -> None:
    shipped = (layer / "python" / "certifi" / "cacert.pem").read_text()
    assert shipped == Path(certifi.where()).read_text()
    for name in ROOTS:
        assert name in shipped


START = """
import json, os, sys
layer, function, environment = sys.argv[1:]
sys.path[:] = [path for path in sys.path if "site-packages" not in path]
sys.path[:0] = [function, layer]
os.environ.clear()
os.environ.update(json.loads(environment))
import handler
print(type(handler).__name__, handler.__name__, getattr(handler, "pipeline", None) is not None)
for name, module in sorted(sys.modules.items()):
    file = getattr(module, "__file__", None) or ""
    if "site-packages" in file:
        print("strange:", name, file)
"""


@pytest.fixture(scope="module")
def layer_for_here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from infra.layer import build_layer

    processor = {"x86_64": "x86_64", "aarch64": "arm64"}[platform.machine()]
    folder = tmp_path_factory.mktemp("here") / "layer"
    build_layer(folder, processor)
    return folder


@pytest.mark.skipif(sys.version_info[:2] != (3, 13), reason="the layer's modules are for 3.13")
@pytest.mark.parametrize("name", ["processor", "replay"])
def test_a_function_starts_with_what_the_stack_ships_and_nothing_else(
    name: str, templates: dict[str, Template], built: Path, layer_for_here: Path
) -> None:
    function = _function(templates, name)
    told = {
        key: value if isinstance(value, str) else "https://sqs.eu-west-1.amazonaws.com/1/x"
        for key, value in function["Environment"]["Variables"].items()
    }
    assert told["HINTFERRY_CONFIG"] == "/var/task/migration.toml"
    code = built / "assets" / name
    # What Lambda itself sets; and the one path that is another here.
    told |= {"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-1"}
    told |= {"HINTFERRY_CONFIG": str(code / "migration.toml")}
    done = subprocess.run(
        [
            sys.executable,
            "-I",
            "-B",
            "-c",
            START,
            layer_for_here / "python",
            code,
            json.dumps(told),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["module handler True"]
    assert sorted(path.name for path in code.iterdir()) == ["handler.py", "migration.toml"]


def _function(templates: dict[str, Template], name: str) -> dict[str, Any]:
    found = properties(templates, "AWS::Lambda::Function")
    (one,) = (function for function in found if function.get("Description") == f"Hintferry: {name}")
    assert one["Timeout"] == figures.FUNCTION_TIMEOUT_S
    return one
