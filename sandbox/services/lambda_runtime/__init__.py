"""Lambda without Lambda: AWS's own Python runtime client against a local Runtime API."""

from sandbox.services.lambda_runtime.environment import ReservedVariableError
from sandbox.services.lambda_runtime.function import LambdaFunction
from sandbox.services.lambda_runtime.process import Invocation, OnTimeout
from sandbox.services.lambda_runtime.runtime_api import MAX_PAYLOAD_BYTES
from sandbox.services.lambda_runtime.sandbox import (
    FunctionInitError,
    LambdaSandbox,
    PayloadTooLargeError,
)

__all__ = [
    "MAX_PAYLOAD_BYTES",
    "FunctionInitError",
    "Invocation",
    "LambdaFunction",
    "LambdaSandbox",
    "OnTimeout",
    "PayloadTooLargeError",
    "ReservedVariableError",
]
