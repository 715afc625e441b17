"""The caller, as AWS knows it, or as this machine does."""

from __future__ import annotations

import getpass
import socket

from botocore.exceptions import BotoCoreError, ClientError

from hintferry.wiring.sessions import client


def caller() -> str:
    """Return the ARN of the caller; where AWS does not tell it, the user and host."""
    try:
        return str(client("sts").get_caller_identity()["Arn"])
    except (BotoCoreError, ClientError):
        return user_and_host()


def user_and_host() -> str:
    """Return the user and this machine, as `user@host`."""
    try:
        return f"{getpass.getuser()}@{socket.gethostname()}"
    except (KeyError, OSError):
        return f"a user without a name@{socket.gethostname()}"
