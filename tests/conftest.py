"""Share fixtures with every test: one running sandbox for all tests marked `stack`."""

import os
import signal
from collections.abc import Iterator
from threading import Timer
from types import FrameType

import pytest
from hypothesis import settings

from sandbox.parts.launch import tie
from sandbox.parts.release import installed
from sandbox.stack import Stack
from tools.releases import DEFAULT, RELEASES, Release

# How long one example takes says nothing on a machine that runs other things beside it.
settings.register_profile("steady", deadline=None)
settings.load_profile("steady")

# A test that runs make is a user at a terminal, not a part of the make that runs the tests.
for _name in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "MAKEOVERRIDES"):
    os.environ.pop(_name, None)

ENDS_WITHIN_S = 12.0


def _interrupted(_number: int, _frame: FrameType | None) -> None:
    """End in order; but end, whatever a fixture waits for: what is tied to this run goes too."""
    last = Timer(ENDS_WITHIN_S, os._exit, [pytest.ExitCode.INTERRUPTED])
    last.daemon = True
    last.start()
    raise KeyboardInterrupt


# Set in any case: a shell starts its background jobs with interrupts ignored, and every child would
# inherit that.
signal.signal(signal.SIGINT, _interrupted)


def pytest_configure(config: pytest.Config) -> None:
    """Processes of a run die with it: those of `-n` die with the one that started them."""
    if hasattr(config, "workerinput"):
        tie(os.getppid())


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--cassandra", choices=sorted(RELEASES), default=DEFAULT.version, help="the source's"
    )


@pytest.fixture(scope="session")
def release(request: pytest.FixtureRequest) -> Release:
    """The source's Cassandra: `--cassandra 4.1` runs every test on that one."""
    return installed(request.config.getoption("--cassandra"))


@pytest.fixture(scope="session")
def stack(release: Release) -> Iterator[Stack]:
    with Stack(release=release, say=print) as running:
        yield running
