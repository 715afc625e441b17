"""`hintferry replay` stopped by its operator, as a process of its own, half-way through."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from sandbox.parts.launch import tied
from tests.cli.conftest import REGION
from tools import places

pytestmark = pytest.mark.slow

MESSAGES = 20
SOME = 3


@pytest.mark.parametrize("stopped_by", [signal.SIGINT, signal.SIGKILL])
def test_a_stopped_run_loses_nothing(stopped_by: signal.Signals) -> None:
    """After Ctrl-C what is left is visible at once, after a kill when its time has passed."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        _stop_half_way(f"http://{host}:{port}", stopped_by)
    finally:
        server.stop()


def _stop_half_way(url: str, stopped_by: signal.Signals) -> None:
    login = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}
    session = boto3.Session("local", "local", region_name=REGION)
    sqs, s3 = (session.client(name, endpoint_url=url) for name in ("sqs", "s3"))
    bucket, queues = f"b-{stopped_by.name.lower()}", ("p" + stopped_by.name, "r" + stopped_by.name)
    parked, replay = (sqs.create_queue(QueueName=name)["QueueUrl"] for name in queues)
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    for number in range(MESSAGES):
        sqs.send_message(QueueUrl=parked, MessageBody=f'{{"reason": "stuck", "n": {number}}}')
    environment = {**os.environ, **login, "AWS_ENDPOINT_URL": url, "AWS_DEFAULT_REGION": REGION}
    places_of = ["--parked-queue-url", parked, "--replay-queue-url", replay]
    command = [str(places.COMMAND), "replay", "--rate", "2", "--bucket", bucket]
    with subprocess.Popen(
        tied(*command, *places_of), env=environment, stderr=subprocess.PIPE, text=True
    ) as run:
        end = time.monotonic() + 60
        while waiting(sqs, replay) < SOME and time.monotonic() < end:
            time.sleep(0.05)
        run.send_signal(stopped_by)
        _, errors = run.communicate(timeout=120)
    assert run.returncode == (130 if stopped_by is signal.SIGINT else -signal.SIGKILL)
    assert "Traceback" not in errors
    moved = waiting(sqs, replay)
    assert SOME <= moved < MESSAGES
    hidden = waiting(sqs, parked, "NotVisible")
    # A message may be in both queues, where the run was stopped in between; none is in neither.
    assert waiting(sqs, parked) + hidden + moved >= MESSAGES
    assert hidden == 0 or stopped_by is signal.SIGKILL


def waiting(sqs: Any, url: str, kind: str = "") -> int:
    name = f"ApproximateNumberOfMessages{kind}"
    answer = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[name])
    return int(answer["Attributes"][name])
