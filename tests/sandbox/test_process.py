"""Parts start, fail with a reason, can be harmed, and never outlive their parent."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sandbox.parts import memory
from sandbox.parts.errors import PartFailed, SandboxError
from sandbox.parts.launch import tied
from sandbox.parts.process import Part
from sandbox.parts.reasons import reason
from sandbox.parts.waiting import until

pytestmark = pytest.mark.slow

TICKER = "import time\nprint('ready', flush=True)\nwhile True: print(time.time()); time.sleep(.02)"

Make = Callable[[str], Part]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """A part that runs a line of Python; all are ended after the test."""
    made: list[Part] = []

    def part(script: str) -> Part:
        command = [sys.executable, "-u", "-c", script]
        made.append(Part("The part", command, tmp_path / "log", r"(?m)^ready$", patience=60))
        return made[-1]

    yield part
    for one in made:
        one.kill()


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_a_failed_start_shows_the_last_lines_and_the_likely_reason(make: Make) -> None:
    part = make("print('a'); print('b'); raise SystemExit('OSError: Address already in use')")
    with pytest.raises(PartFailed) as failed:
        part.start()
    message = str(failed.value)
    assert message.startswith("The part failed while waiting for")
    assert "another program holds one of its ports" in message
    assert message.endswith("    a\n    b\n    OSError: Address already in use")


def test_a_ready_line_of_an_earlier_run_does_not_count(make: Make, tmp_path: Path) -> None:
    (tmp_path / "log").write_text("ready\n")
    part = make("import time; time.sleep(30)")
    part._patience = 0.3
    with pytest.raises(PartFailed, match="did not become ready in time"):
        part.start()
    assert not part.alive


def test_a_paused_part_does_nothing_until_it_is_resumed(make: Make) -> None:
    part = make(TICKER)
    part.start()
    part.pause()
    time.sleep(0.1)
    frozen = part.output()
    time.sleep(0.2)
    assert part.output() == frozen
    part.resume()
    until(lambda: part.output() != frozen, 60, "it writes again")


def test_a_paused_part_can_be_stopped(make: Make) -> None:
    part = make(TICKER)
    part.start()
    part.pause()
    part.stop(5)
    assert not part.alive


def test_a_restart_is_a_new_process_and_keeps_the_log(make: Make, tmp_path: Path) -> None:
    part = make(TICKER)
    part.start()
    first = part.pid
    part.restart()
    assert part.pid != first
    assert gone(first)
    assert (tmp_path / "log").read_text().count("ready") == 2
    assert part.output().count("ready") == 1


def test_a_part_dies_with_its_parent_even_when_that_is_killed(tmp_path: Path) -> None:
    """And lives on when only the thread that asked for it ends: the signal follows the forker."""
    script = f"""
import os, sys, threading, time, pathlib
from sandbox.parts.process import Part
command = [sys.executable, "-u", "-c", {TICKER!r}]
part = Part("x", command, pathlib.Path({str(tmp_path)!r}) / "log", "ready")
starter = threading.Thread(target=part.start)
starter.start(); starter.join(); time.sleep(0.2)
assert part.alive
print(part.pid, flush=True)
time.sleep(60)
"""
    parent = subprocess.Popen(tied(sys.executable, "-c", script), stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    assert not gone(child)
    parent.send_signal(signal.SIGKILL)
    parent.communicate()
    until(lambda: gone(child), 60, "the child is gone")


@pytest.mark.parametrize(
    ("log", "code", "expected"),
    [
        ("java.lang.OutOfMemoryError: Java heap space", 3, "it ran out of memory"),
        ("", -9, "it was killed, most likely for lack of memory"),
        ("", 4, "it ended by itself with status 4"),
        ("", None, "it did not become ready in time"),
    ],
)
def test_known_failures_have_a_reason(log: str, code: int | None, expected: str) -> None:
    assert reason(log, code).startswith(expected)


def test_too_little_memory_is_a_sentence_with_both_figures(tmp_path: Path) -> None:
    (tmp_path / "meminfo").write_text("MemTotal: 9999999 kB\nMemAvailable: 1048576 kB\n")
    with pytest.raises(SandboxError, match=r"needs \d\.\d GB of free .* has 1\.0 GB"):
        memory.check(1, tmp_path / "meminfo")
    (tmp_path / "meminfo").write_text("MemAvailable: 8388608 kB\n")
    memory.check(3, tmp_path / "meminfo")
