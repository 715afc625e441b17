"""Lambda without Lambda: AWS's own Python runtime client against a local Runtime API."""

from sandbox.lambda_runtime.environment import ReservedVariableError
from sandbox.lambda_runtime.function import LambdaFunction
from sandbox.lambda_runtime.process import Invocation, OnTimeout
from sandbox.lambda_runtime.runtime_api import MAX_PAYLOAD_BYTES
from sandbox.lambda_runtime.sandbox import FunctionInitError, LambdaSandbox, PayloadTooLargeError

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
