"""Reach the endpoint to try statements on: one that runs, or one that is started for the call."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

import boto3

from hintferry.adapters.config.settings import TargetSettings
from hintferry.core.errors import ConfigurationError

STARTER = "sandbox.endpoint"
_ENDS_WITHIN_S = 30.0

HOW = (
    "there is no keyspaces-local to try the statements on. In a checkout after `make setup` this"
    " command starts one. Elsewhere run a Cassandra 5 and, before it, `keyspaces-local serve"
    " --listen 127.0.0.1:9142 --backend 127.0.0.1:9042 --region {region} --state DIR`, then give"
    " --endpoint 127.0.0.1:9142 --state DIR. With --rules-only nothing is tried"
)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An endpoint and the login to it; None: the AWS credentials that boto3 finds.

    `is_own`: it was started for this call, and what is made there goes with it.
    """

    settings: TargetSettings
    login: boto3.Session | None
    is_own: bool = False


def named(target: TargetSettings, address: str, state: Path | None) -> Endpoint:
    """Return the endpoint at HOST:PORT; `state` is keyspaces-local's directory.

    Raises ConfigurationError for an address or a directory that is none.
    """
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        raise ConfigurationError(f"{address} is no endpoint; write it as HOST:PORT")
    settings = replace(target, endpoint=host, port=int(port))
    if state is None:
        return Endpoint(settings, None)
    path = state / "credentials.json"
    try:
        keys = json.loads(path.read_text())
        login = boto3.Session(
            keys["access_key_id"], keys["secret_access_key"], region_name=target.region
        )
    except (OSError, ValueError, KeyError) as error:
        raise ConfigurationError(
            f"{path} cannot be read ({error}); --state is the directory that keyspaces-local was"
            " started with"
        ) from error
    return Endpoint(replace(settings, ca_file=state / "ca.pem"), login)


@contextmanager
def started(target: TargetSettings) -> Iterator[Endpoint]:
    """Yield an endpoint of one's own; it ends, and its data goes, when the caller is done.

    Raises ConfigurationError where this machine has no sandbox.
    """
    if not _is_there(STARTER):
        raise ConfigurationError(HOW.format(region=target.region))
    process = subprocess.Popen(
        [sys.executable, "-m", STARTER, "--region", target.region],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        word, _, rest = _line(process.stdout).partition(" ")
        if word != "ready":
            _, told = process.communicate()
            last = (told.strip().splitlines() or ["it said nothing"])[-1]
            raise ConfigurationError(
                f"keyspaces-local could not be started: {last}; name a running one by --endpoint"
            )
        address, _, state = rest.strip().partition(" ")
        yield replace(named(target, address, Path(state)), is_own=True)
    finally:
        _end(process)


def _line(out: IO[str] | None) -> str:
    return out.readline() if out is not None else ""


def _end(process: subprocess.Popen[str]) -> None:
    """End it: it stops its parts when its input ends."""
    try:
        process.communicate(timeout=_ENDS_WITHIN_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()


def _is_there(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False
