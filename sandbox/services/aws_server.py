"""The sandbox's AWS in its own process: `python -m sandbox.services.aws_server HOST PORT REGION`.

Moto's server with message-move tasks, and the queues and the bucket of the pipeline made. Prints
`ready` when it answers.
"""

import json
import logging
import os
import signal
import sys

from hintferry_ops.constants import QUEUE_RETENTION_S, REPLAY_RECEIVES, REPLAY_VISIBILITY_S

PARKED = "hintferry-parked"
REPLAY = "hintferry-replay"
BUCKET = "hintferry-on-failure"
ACCOUNT = "123456789012"  # moto's


def main(host: str, port: int, region: str) -> None:
    # Moto calls itself at this port.
    os.environ["MOTO_PORT"] = str(port)
    from moto.server import ThreadedMotoServer

    from sandbox.services import sqs_moves

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    sqs_moves.install()
    server = ThreadedMotoServer(ip_address=host, port=port, verbose=False)
    server.start()
    _create(f"http://{host}:{port}", region)
    print("ready", flush=True)
    signal.pause()


def _create(url: str, region: str) -> None:
    import boto3

    login = {"aws_access_key_id": "local", "aws_secret_access_key": "local"}
    session = boto3.Session(region_name=region, **login)
    sqs = session.client("sqs", endpoint_url=url)
    retention = {"MessageRetentionPeriod": str(QUEUE_RETENTION_S)}
    parked = sqs.create_queue(QueueName=PARKED, Attributes=retention)["QueueUrl"]
    wanted = sqs.get_queue_attributes(QueueUrl=parked, AttributeNames=["QueueArn"])
    dead_letters = {
        "deadLetterTargetArn": wanted["Attributes"]["QueueArn"],
        "maxReceiveCount": str(REPLAY_RECEIVES),
    }
    attributes = {
        **retention,
        "VisibilityTimeout": str(REPLAY_VISIBILITY_S),
        "RedrivePolicy": json.dumps(dead_letters),
    }
    sqs.create_queue(QueueName=REPLAY, Attributes=attributes)
    session.client("s3", endpoint_url=url).create_bucket(Bucket=BUCKET)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
