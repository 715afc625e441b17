"""An account to rehearse in: the emulator as a process of its own, and the real CDK against it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import pytest

from sandbox.parts.launch import tied
from tools import cdk
from tools.places import ROOT

NUMBER, REGION = "123456789012", "eu-west-1"
_START_S, _CDK_S = 240, 400


class Account:
    """Starts when it is made; `folder` takes its log."""

    def __init__(self, folder: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
            **cdk.QUIET,
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": NUMBER,
            "AWS_SECRET_ACCESS_KEY": "rehearsal",
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
        }
        own = {
            "GATEWAY_PORT": str(self.port),
            "MINISTACK_HOST": "127.0.0.1",
            "MINISTACK_ACCOUNT_ID": NUMBER,
            "MINISTACK_REGION": REGION,
            "LOG_LEVEL": "WARNING",
        }
        self.log = folder / f"account-{self.port}.log"
        with self.log.open("w") as log:
            self._process = subprocess.Popen(
                tied(sys.executable, "-m", "tests.rehearsal.emulator"),
                cwd=ROOT, env={**self.environment, **own}, stdout=log, stderr=log,
            )  # fmt: skip
        try:
            self._wait()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait(timeout=20)

    def bootstrap(self, folder: Path) -> None:
        """Prepare account and Region for the CDK, once."""
        done = self._run(["bootstrap", f"aws://{NUMBER}/{REGION}"], folder)
        assert done.returncode == 0, done.stdout + done.stderr

    def cdk(self, *arguments: str, out: Path) -> subprocess.CompletedProcess[str]:
        """Run the CDK's command line on what was synthesised into `out`."""
        return self._run(["--app", str(out), *arguments], out.parent)

    def make_cdk(self, config: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `make cdk CONFIG=... ARGS=...`, without the set-up before it."""
        command = [sys.executable, "-m", "tools.cdk", str(config), *arguments]
        return self._called(command, ROOT)

    @contextmanager
    def signed_in(self) -> Iterator[None]:
        """Let this process's own clients speak to the account."""
        ours = {name: value for name, value in self.environment.items() if name.startswith("AWS_")}
        with pytest.MonkeyPatch.context() as patch:
            for name, value in ours.items():
                patch.setenv(name, value)
            yield

    def _run(self, arguments: Sequence[str], folder: Path) -> subprocess.CompletedProcess[str]:
        return self._called(cdk.command("--ci", *arguments), folder)

    def _called(self, command: Sequence[str], folder: Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=folder, env=self.environment, capture_output=True, text=True,
            timeout=_CDK_S, check=False,
        )  # fmt: skip

    def client(self, service: str) -> Any:
        """A client of the account."""
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id=NUMBER,
            aws_secret_access_key="rehearsal",
        )

    def fail(self, kind: str, reason: str, named: str = "") -> None:
        """Let the next such resource fail once."""
        self._ask("fail", {"kind": kind, "reason": reason, "named": named})

    def state(self) -> dict[str, Any]:
        """What is there beside what ministack itself tells."""
        return self._ask("state")

    def has_on_keyspaces(self, *statements: str) -> None:
        """Make what somebody else made before us."""
        self._ask("keyspaces", {"statements": list(statements)})

    def names(self, kind: str) -> list[str]:
        """The names of this kind of resource that are taken."""
        return sorted(self.state()["taken"].get(kind, {}))

    def stacks(self) -> dict[str, str]:
        """Status by stack."""
        listed = self.client("cloudformation").describe_stacks()["Stacks"]
        return {one["StackName"]: one["StackStatus"] for one in listed}

    def _ask(self, what: str, told: Mapping[str, Any] | None = None) -> dict[str, Any]:
        body = json.dumps(told or {}).encode()
        request = urllib.request.Request(f"{self.url}/_rehearsal/{what}", body, method="POST")
        with urllib.request.urlopen(request, timeout=30) as answer:
            found: dict[str, Any] = json.loads(answer.read())
        return found

    def _wait(self) -> None:
        until = time.monotonic() + _START_S
        while time.monotonic() < until:
            try:
                self.state()
            except (urllib.error.URLError, ConnectionError):
                assert self._process.poll() is None, self.log.read_text()
                time.sleep(0.2)
            else:
                return
        raise AssertionError(f"the account does not start: {self.log.read_text()}")
