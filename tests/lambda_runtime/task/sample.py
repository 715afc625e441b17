"""Handlers that behave, and misbehave, as functions do."""

import json
import logging
import os
import sys
import threading
import time
from typing import Any

_seen = 0

if os.environ.get("SAY_PID"):
    print(os.getpid(), flush=True)


def lambda_handler(event: dict[str, Any], context: Any) -> Any:
    """Do what `event["do"]` names."""
    global _seen
    _seen += 1
    return globals()[event["do"]](event, context)


def count(event: dict[str, Any], context: Any) -> dict[str, int]:
    return {"seen": _seen, "pid": os.getpid()}


def environment(event: dict[str, Any], context: Any) -> dict[str, str]:
    return dict(os.environ)


def describe(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return {
        "name": context.function_name,
        "memory": context.memory_limit_in_mb,
        "arn": context.invoked_function_arn,
        "left_ms": context.get_remaining_time_in_millis(),
    }


def speak(event: dict[str, Any], context: Any) -> None:
    print(json.dumps({"said": event["text"]}))
    print("to stderr", file=sys.stderr)


def stumble(event: dict[str, Any], context: Any) -> None:
    try:
        fail(event, context)
    except LookupError:
        logging.getLogger().exception("a stumble")
    print(json.dumps({"said": "after it"}))


def fail(event: dict[str, Any], context: Any) -> None:
    raise LookupError("no such thing")


def leave(event: dict[str, Any], context: Any) -> None:
    os._exit(event["code"])


def exit_(event: dict[str, Any], context: Any) -> None:
    sys.exit(event["code"])


def interrupt(event: dict[str, Any], context: Any) -> None:
    raise KeyboardInterrupt


def die(event: dict[str, Any], context: Any) -> None:
    os.kill(os.getpid(), event["signal"])


def report(event: dict[str, Any], context: Any) -> None:
    """Append a line before and after a while; `event` says where, what and how long."""
    with open(event["log"], "a", encoding="utf-8") as log:
        log.write(f"begin {event['name']}\n")
        log.flush()
        time.sleep(event["seconds"])
        log.write(f"end {event['name']}\n")


def once_late(event: dict[str, Any], context: Any) -> None:
    """Report; the first call of all processes takes long."""
    log = os.environ["CALLS"]
    calls = 0
    if os.path.exists(log):
        with open(log, encoding="utf-8") as lines:
            calls = sum(line.startswith("begin") for line in lines)
    seconds = 0 if calls else float(os.environ["SECONDS"])
    report({"log": log, "name": calls, "seconds": seconds}, context)


def frozen(event: dict[str, Any], context: Any) -> None:
    """Ask, by a line of output, to be frozen; then write."""
    print("freeze me", flush=True)
    time.sleep(0.3)
    with open(event["log"], "a", encoding="utf-8") as log:
        log.write("thawed\n")


def tick(event: dict[str, Any], context: Any) -> None:
    """Leave a thread behind that appends a line ten times a second."""

    def write() -> None:
        while True:
            with open(event["log"], "a", encoding="utf-8") as log:
                log.write("tick\n")
            time.sleep(0.1)

    threading.Thread(target=write, daemon=True).start()


def sleep(event: dict[str, Any], context: Any) -> str:
    time.sleep(event["seconds"])
    return "slept"


def inflate(event: dict[str, Any], context: Any) -> str:
    size: int = event["size"]
    return "x" * size
