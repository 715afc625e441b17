"""The two wheels, each in an environment that holds nothing else."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from sandbox.parts.launch import tied
from sandbox.stack import Stack
from tests.keyspaces_local.wire import StubBackend
from tools import places, wheels
from tools.steps import run

pytestmark = pytest.mark.slow

WITHIN_S = 120.0
README = places.ROOT / "sandbox" / "keyspaces_local" / "README.md"
USER = '''
"""What a strictly typed user of either wheel would write."""

from pathlib import Path

{imports}


def use() -> None:
    {call}
'''
FIXTURE = """
import socket
import ssl


def test_a_client_may_begin_to_talk(keyspaces_local):
    context = ssl.create_default_context(cafile=keyspaces_local.ca_file)
    address = keyspaces_local.host, keyspaces_local.port
    with (
        socket.create_connection(address) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as secured,
    ):
        secured.sendall(bytes.fromhex("040000010500000000"))  # OPTIONS
        assert secured.recv(9)[4] == 0x06  # SUPPORTED
    assert keyspaces_local.control.meters() == {}
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The wheels by the names of their distributions."""
    home = tmp_path_factory.mktemp("wheels")
    wheels.build(home)
    return {path.name.partition("-")[0]: path for path in home.glob("*.whl")}


def installed(home: Path, wheel: Path, *further: str) -> Path:
    """The folder of the programs of a new environment, with what the wheel asks for, as locked."""
    run([str(places.UV), "venv", "--quiet", "--python", sys.executable, str(home)])
    run(
        [str(places.UV), "pip", "install", "--quiet", "--python", str(home / "bin" / "python"),
         "--constraints", str(places.ROOT / "requirements.txt"), str(wheel), *further]
    )  # fmt: skip
    return home / "bin"


@pytest.fixture(scope="module")
def operator(built: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return installed(tmp_path_factory.mktemp("operator") / "env", built["hintferry"])


@pytest.fixture(scope="module")
def tester(built: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    further = ("pytest", "pytest-xdist", "cassandra-driver", "cassandra-sigv4", "boto3")
    home = tmp_path_factory.mktemp("tester") / "env"
    return installed(home, built["keyspaces_local"], *further)


def called(*command: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """In an environment without a variable, so that nothing of the checkout is found."""
    return subprocess.run(
        [str(one) for one in command], cwd=cwd, env={}, capture_output=True, text=True,
        timeout=WITHIN_S,
    )  # fmt: skip


def test_each_is_typed_and_carries_the_licence(built: dict[str, Path]) -> None:
    assert set(built) == {"hintferry", "keyspaces_local"}
    for name, wheel in built.items():
        with zipfile.ZipFile(wheel) as content:
            names = content.namelist()
            packages = {one.partition("/")[0] for one in names if ".dist-info/" not in one}
            (licence,) = (one for one in names if one.endswith("/licenses/LICENSE"))
            assert content.read(licence) == (places.ROOT / "LICENSE").read_bytes()
        assert packages == {
            "hintferry": {"hintferry", "hintferry_cli", "hintferry_ops"},
            "keyspaces_local": {"keyspaces_local"},
        }[name]  # fmt: skip
        assert {f"{one}/py.typed" for one in packages} <= set(names)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--version"], r"hintferry \d+\.\d+"),
        (["--help"], "cutover"),
        (["init", "--help"], "--contact-point"),
        (["preflight", "--help"], "--only"),
        (
            ["size", "--writes-per-second", "2000", "--row-bytes", "500", "--outage-hours", "4"],
            "cdc_total_space",
        ),
    ],
)
def test_the_command_runs(operator: Path, tmp_path: Path, arguments: list[str], said: str) -> None:
    done = called(operator / "hintferry", *arguments, cwd=tmp_path)
    # What comes next is told beside the result, and nothing else is.
    assert (done.returncode, done.stderr.partition("next: ")[0]) == (0, "")
    assert re.search(said, done.stdout), done.stdout


def test_what_asks_a_cluster_says_that_it_is_not_there(operator: Path, tmp_path: Path) -> None:
    """`init` and `cost` go as far as connecting: all that they import is there."""
    source = ("--contact-point", "127.0.0.1", "--port", "1", "--region", "eu-west-1")
    done = called(operator / "hintferry", "init", "shop", *source, cwd=tmp_path)
    assert (done.returncode, len(done.stderr.splitlines())) == (3, 1), done
    (tmp_path / "schema.cql").write_bytes((places.ROOT / "schema.cql").read_bytes())
    (tmp_path / "migration.toml").write_bytes((places.ROOT / "migration.toml").read_bytes())
    done = called(operator / "hintferry", "cost", cwd=tmp_path)
    assert (done.returncode, len(done.stderr.splitlines())) == (3, 1), done


def test_the_types_of_both_are_seen(operator: Path, tester: Path, tmp_path: Path) -> None:
    for programs, imports, call in (
        (
            operator,
            "from hintferry_ops.fit.node_checks import setting_faults",
            "setting_faults({'a': 1})",
        ),
        (tester, "from keyspaces_local.control import Control", "Control(1)"),
    ):
        (tmp_path / "user.py").write_text(USER.format(imports=imports, call=call))
        mypy = [sys.executable, "-m", "mypy", "--strict", "--python-executable"]
        done = subprocess.run(
            [*mypy, str(programs / "python"), "user.py"],
            cwd=tmp_path, env={}, capture_output=True, text=True, timeout=WITHIN_S,
        )  # fmt: skip
        assert re.findall(r"\[([a-z-]+)\]$", done.stdout, re.M) in (["dict-item"], ["arg-type"])


def test_a_test_elsewhere_gets_the_endpoint_as_a_fixture(tester: Path, tmp_path: Path) -> None:
    (tmp_path / "test_elsewhere.py").write_text(FIXTURE)

    async def check() -> tuple[int | None, str]:
        stub = StubBackend()
        backend = f"127.0.0.1:{await stub.start('127.0.0.1', 0)}"
        try:
            process = await asyncio.create_subprocess_exec(
                *tied(str(tester / "pytest"), "-q", "-W", "error"),
                "-o", f"keyspaces_local_backend={backend}",
                cwd=tmp_path, env={}, stdout=subprocess.PIPE,
            )  # fmt: skip
            said, _ = await asyncio.wait_for(process.communicate(), WITHIN_S)
            return process.returncode, said.decode()
        finally:
            await stub.stop()

    status, said = asyncio.run(check())
    assert (status, "1 passed" in said) == (0, True), said


def test_no_cassandra_behind_is_one_sentence(tester: Path, tmp_path: Path) -> None:
    (tmp_path / "test_elsewhere.py").write_text(FIXTURE)
    backend = "keyspaces_local_backend=nowhere"
    done = called(tester / "pytest", "-q", "-o", backend, cwd=tmp_path)
    assert done.returncode == 1
    assert "'nowhere' is not HOST:PORT" in done.stdout


@pytest.mark.stack
def test_the_example_of_the_readme_runs(tester: Path, stack: Stack, tmp_path: Path) -> None:
    (example,) = re.findall(r"^```python\n(import ssl\n.*?)^```", README.read_text(), re.M | re.S)
    (tmp_path / "test_example.py").write_text(example)
    backend = f"keyspaces_local_backend={stack.behind.hosts[0]}:{stack.behind.port}"
    done = called(tester / "pytest", "-q", "-o", backend, cwd=tmp_path)
    assert (done.returncode, "2 passed" in done.stdout) == (0, True), done.stdout
    # Two workers begin at once, each with an endpoint and a keyspace of its own.
    for name in ("one", "other"):
        text = example.replace("KEYSPACE example", f"KEYSPACE {name}")
        (tmp_path / f"test_{name}.py").write_text(text.replace("example.", f"{name}."))
    (tmp_path / "test_example.py").unlink()
    workers = "-n", "2", "--dist", "loadfile"
    done = called(tester / "pytest", "-q", *workers, "-o", backend, cwd=tmp_path)
    assert (done.returncode, "4 passed" in done.stdout) == (0, True), done.stdout
