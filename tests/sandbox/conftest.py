"""The sandbox's AWS alone, for the tests of what is spoken to it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sandbox.parts import aws
from sandbox.parts.addresses import claim
from sandbox.parts.endpoints import AwsEndpoint


@pytest.fixture(scope="session")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AwsEndpoint]:
    """A queue server of its own."""
    with claim([(2, aws.PORT)]) as block:
        server = aws.Aws(block.address(2), "us-east-1", tmp_path_factory.mktemp("aws"))
        try:
            server.start()
            yield server.endpoint
        finally:
            server.kill()
