"""The environment Lambda gives a Python function: built from nothing, so that whatever the
developer's shell happens to hold cannot reach the function.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

import awslambdaric

ACCOUNT = "123456789012"
"""The account that every ARN of the sandbox names."""


_RUNTIME_DIR = str(Path(awslambdaric.__file__).parent)

_RESERVED = frozenset(
    {
        "_HANDLER",
        "_X_AMZN_TRACE_ID",
        "AWS_DEFAULT_REGION",
        "AWS_EXECUTION_ENV",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
        "AWS_LAMBDA_FUNCTION_NAME",
        "AWS_LAMBDA_FUNCTION_VERSION",
        "AWS_LAMBDA_INITIALIZATION_TYPE",
        "AWS_LAMBDA_LOG_GROUP_NAME",
        "AWS_LAMBDA_LOG_STREAM_NAME",
        "AWS_LAMBDA_MAX_CONCURRENCY",
        "AWS_LAMBDA_RUNTIME_API",
        "LAMBDA_RUNTIME_DIR",
        "LAMBDA_TASK_ROOT",
    }
)
"""The variables that a function may not set. Lambda derives the region and credentials from a role
and a place that do not exist here, so the caller gives them."""


class ReservedVariableError(ValueError):
    """A function is configured with a variable that only Lambda sets."""


def check_reserved(user: Mapping[str, str]) -> None:
    """Refuse reserved names; raises ReservedVariableError."""
    if reserved := sorted(_RESERVED & user.keys()):
        raise ReservedVariableError(f"Lambda reserves {', '.join(reserved)}: rename them")


def function_environment(
    *,
    name: str,
    handler: str,
    task_root: Path,
    layers: Sequence[Path],
    memory_mb: int,
    runtime_api: str,
    user: Mapping[str, str],
) -> dict[str, str]:
    """The reserved variables of the managed runtime, then the function's own."""
    region = user.get("AWS_REGION", "us-east-1")
    return {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "TZ": ":UTC",
        "PYTHONPATH": ":".join(str(layer) for layer in layers),
        "LAMBDA_TASK_ROOT": str(task_root),
        "LAMBDA_RUNTIME_DIR": _RUNTIME_DIR,
        "_HANDLER": handler,
        "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_LAMBDA_RUNTIME_API": runtime_api,
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_FUNCTION_NAME": name,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(memory_mb),
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{name}",
        "AWS_LAMBDA_LOG_STREAM_NAME": f"{date.today():%Y/%m/%d}/[$LATEST]{uuid.uuid4().hex}",
        "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
        **user,
    }


def function_arn(name: str, region: str) -> str:
    """The ARN under which the function is invoked."""
    return f"arn:aws:lambda:{region}:{ACCOUNT}:function:{name}"
