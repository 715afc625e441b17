"""What every test may use: one running sandbox for all tests marked `stack`."""

from collections.abc import Iterator

import pytest
from hypothesis import settings

from sandbox.stack import Stack

# How long one example takes says nothing on a machine that runs other things beside it.
settings.register_profile("steady", deadline=None)
settings.load_profile("steady")


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    with Stack(say=print) as running:
        yield running
