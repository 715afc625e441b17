"""The Runtime API itself, spoken to as a runtime does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.client import HTTPConnection
from typing import Any

import pytest

from sandbox.services.lambda_runtime import MAX_PAYLOAD_BYTES
from sandbox.services.lambda_runtime.runtime_api import (
    Answered,
    Event,
    Failed,
    Ready,
    Report,
    RuntimeApi,
    Taken,
)

pytestmark = pytest.mark.slow

INVOCATION = "/2018-06-01/runtime/invocation"


@pytest.fixture
def api() -> Iterator[RuntimeApi]:
    """An API whose event `one` is in hand."""
    api = RuntimeApi("arn:aws:lambda:us-east-1:123456789012:function:f", 5.0)
    api.offer(Event("one", b"{}"))
    status, _ = ask(api, "GET", f"{INVOCATION}/next")
    assert (status, *reports(api, 2)) == (200, Ready(), Taken())
    yield api
    api.close()


def ask(api: RuntimeApi, method: str, path: str, body: bytes | None = None) -> tuple[int, Any]:
    connection = HTTPConnection(api.address, timeout=60)
    connection.request(method, path, body)
    answer = connection.getresponse()
    found = answer.status, json.loads(answer.read())
    connection.close()
    return found


def reports(api: RuntimeApi, count: int) -> list[Report]:
    return [api.reports.get(timeout=60) for _ in range(count)]


def test_a_response_of_6_mb_is_accepted(api: RuntimeApi) -> None:
    body = b"x" * MAX_PAYLOAD_BYTES
    assert ask(api, "POST", f"{INVOCATION}/one/response", body)[0] == 202
    assert reports(api, 1) == [Answered(body)]


def test_a_response_over_6_mb_gets_413(api: RuntimeApi) -> None:
    body = b"x" * (MAX_PAYLOAD_BYTES + 1)
    status, answer = ask(api, "POST", f"{INVOCATION}/one/response", body)
    assert (status, answer["errorType"]) == (413, "RequestEntityTooLarge")
    assert str(MAX_PAYLOAD_BYTES) in answer["errorMessage"]
    [report] = reports(api, 1)
    assert isinstance(report, Failed)
    assert report.error_type == "Function.ResponseSizeTooLarge"


@pytest.mark.parametrize("what", ["response", "error"])
def test_an_answer_to_another_request_is_refused(api: RuntimeApi, what: str) -> None:
    assert ask(api, "POST", f"{INVOCATION}/two/{what}", b"{}")[0] == 400
    assert api.reports.empty()


def test_an_error_is_reported_by_its_type(api: RuntimeApi) -> None:
    body = json.dumps({"errorType": "LookupError", "errorMessage": "no such thing"}).encode()
    assert ask(api, "POST", f"{INVOCATION}/one/error", body)[0] == 202
    assert reports(api, 1) == [Failed("LookupError", "no such thing")]
