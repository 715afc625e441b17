"""`python -m sandbox.demo`: start the sandbox, load it, prove both sides equal.

Exit status 0 only if no row differs and every kind of statement occurred on the source.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from types import FrameType

from rich.console import Console

from sandbox.demo.reach import how_to_reach
from sandbox.demo.report import Result, explain
from sandbox.demo.run import FOLDER, Options, play, started
from sandbox.parts.endpoints import Capture
from sandbox.parts.errors import SandboxError
from sandbox.parts.release import installed
from sandbox.services.event_source import EventSourceError
from sandbox.services.lambda_runtime import FunctionInitError
from tools.releases import DEFAULT, RELEASES

_REPORT = FOLDER / "report.json"
_INTERRUPTED = 130
_STOCK_LOSES = (
    "  The stock connector is known to lose static-only writes and deletes of single elements"
    " of\n  some maps; `--capture ours` does not."
)


def main() -> int:
    console = Console()
    signal.signal(signal.SIGTERM, _as_interrupt)
    try:
        return _run(_options(console), console)
    except (SandboxError, EventSourceError, FunctionInitError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return _INTERRUPTED


def _run(options: Options, console: Console) -> int:
    began = time.monotonic()
    _REPORT.unlink(missing_ok=True)

    def say(line: str) -> None:
        console.print(line, highlight=False, soft_wrap=True)

    say("Starting Cassandra, Kafka, capture, the target and AWS, each for real:")
    with started(options, say) as scene:
        result = play(scene, options, console, began)
        result.write(_REPORT)
        say(_verdict(result))
        if result.divergent and options.capture is Capture.STOCK:
            say(_STOCK_LOSES)
        if options.keep:
            say(how_to_reach(scene.stack, scene.logs))
            _until_interrupted()
    return 1 if result.failures else 0


def _verdict(result: Result) -> str:
    lines = [line for comparison in result.comparisons for line in explain(comparison)]
    lines.append(result.summary())
    lines.append(f"Report: {_REPORT}")
    if result.failures:
        lines.append("FAILED")
        lines += [f"  {failure}" for failure in result.failures]
    else:
        lines.append(f"EQUAL after {result.seconds:.0f} s: 0 divergent")
    return "\n".join(lines)


def _until_interrupted() -> None:
    try:
        signal.pause()
    except KeyboardInterrupt:
        print("stopping")


def _options(console: Console) -> Options:
    parser = argparse.ArgumentParser(
        prog="demo", description="Run the whole chain on this machine and prove both sides equal."
    )
    parser.add_argument("--seconds", type=_positive, default=30, help="length of the workload")
    parser.add_argument("--rate", type=_positive, default=150, help="source mutations a second")
    parser.add_argument("--nodes", type=int, choices=(1, 3), default=1, help="source nodes")
    parser.add_argument("--no-ui", action="store_true", help="plain lines, also in a terminal")
    parser.add_argument("--keep", action="store_true", help="leave all running until Ctrl-C")
    parser.add_argument(
        "--capture",
        choices=[capture.value for capture in Capture],
        default=Capture.OURS.value,
        help="the connector on the source nodes; the stock one loses some kinds of change",
    )
    parser.add_argument(
        "--cassandra",
        choices=sorted(RELEASES),
        default=DEFAULT.version,
        help="the source's release",
    )
    given = parser.parse_args()
    return Options(
        seconds=given.seconds,
        rate=given.rate,
        nodes=given.nodes,
        live=console.is_terminal and not given.no_ui,
        keep=given.keep,
        capture=Capture(given.capture),
        release=installed(given.cassandra),
    )


def _positive(text: str) -> float:
    number = float(text)
    if number <= 0:
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return number


def _as_interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
