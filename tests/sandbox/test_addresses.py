"""Each sandbox has a block of addresses of its own, and a taken port is one sentence."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.parts.addresses import claim, free_port
from sandbox.parts.errors import SandboxError

PORT = free_port("127.0.0.1")
PORTS = ((11, PORT), (1, PORT))
"""Not those of a sandbox: others may run, and these tests have locks of their own."""


@pytest.fixture
def everywhere() -> Iterator[int]:
    """A port that is held on every address."""
    with socket.socket() as taken:
        taken.bind(("", 0))
        taken.listen()
        port: int = taken.getsockname()[1]
        yield port


def test_a_port_of_its_own_is_none_that_an_outgoing_connection_gets() -> None:
    outgoing = Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()
    assert all(free_port("127.0.0.1") < int(outgoing[0]) for _ in range(20))


def test_two_sandboxes_get_different_blocks(tmp_path: Path) -> None:
    with claim(PORTS, tmp_path) as one, claim(PORTS, tmp_path) as two:
        assert one.number != two.number
        assert one.address(11) == f"127.77.{one.number}.11"


def test_a_released_block_is_taken_again(tmp_path: Path) -> None:
    with claim(PORTS, tmp_path) as first:
        number = first.number
    with claim(PORTS, tmp_path) as again:
        assert again.number == number


def test_a_crash_frees_the_block(tmp_path: Path) -> None:
    script = (
        "import os, sys, pathlib; from sandbox.parts.addresses import claim;"
        f"block = claim({PORTS}, pathlib.Path({str(tmp_path)!r})); print(block.number); "
        "sys.stdout.flush(); os.kill(os.getpid(), 9)"
    )
    crashed = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False)
    assert crashed.returncode == -9
    with claim(PORTS, tmp_path) as block:
        assert block.number == int(crashed.stdout)


def test_a_block_with_a_taken_port_is_passed_over(tmp_path: Path) -> None:
    with claim(PORTS, tmp_path) as first:
        taken = (first.address(11), PORT)
    with socket.socket() as other:
        other.bind(taken)
        other.listen()
        with claim(PORTS, tmp_path) as block:
            assert block.number != first.number


def test_a_port_taken_on_every_address_is_named(tmp_path: Path, everywhere: int) -> None:
    with pytest.raises(SandboxError, match=rf"^Port {everywhere} is held by another program"):
        claim(((1, everywhere),), tmp_path)
    assert len(os.listdir(tmp_path)) == 3  # it does not try all blocks first
