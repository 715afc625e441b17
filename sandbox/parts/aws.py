"""The AWS services of the sandbox as a part: queues, bucket, metrics (moto's server)."""

import sys
from pathlib import Path

from sandbox.parts.endpoints import AwsEndpoint
from sandbox.parts.process import Part
from sandbox.services import aws_server

PORT = 5000


class Aws(Part):
    """A handle on the server; what it holds is lost when it is restarted."""

    def __init__(self, host: str, region: str, home: Path) -> None:
        url = f"http://{host}:{PORT}"
        queues = f"{url}/{aws_server.ACCOUNT}"
        self.endpoint = AwsEndpoint(
            url=url,
            region=region,
            access_key_id="local",
            secret_access_key="local",
            parked_queue_url=f"{queues}/{aws_server.PARKED}",
            replay_queue_url=f"{queues}/{aws_server.REPLAY}",
            bucket=aws_server.BUCKET,
        )
        command = [sys.executable, "-m", "sandbox.services.aws_server", host, str(PORT), region]
        super().__init__(f"AWS {host}", command, home / "log", r"(?m)^ready$")
