"""Start a sandbox by hand: `python -m sandbox [--nodes 3] [--cassandra 4.1]`; Ctrl-C stops it."""

import argparse
import signal
import sys
from types import FrameType

from sandbox.parts.endpoints import Capture
from sandbox.parts.errors import SandboxError
from sandbox.parts.release import installed
from sandbox.reach import parts
from sandbox.stack import Stack
from tools.releases import DEFAULT, RELEASES


def main() -> int:
    options = _options()
    signal.signal(signal.SIGTERM, _as_interrupt)
    try:
        release = installed(options.cassandra)
        with Stack(options.nodes, Capture(options.capture), release, say=print) as stack:
            print(f"\n{parts(stack)}\n\nCtrl-C stops it and removes its data.", flush=True)
            signal.pause()
    except KeyboardInterrupt:
        print("stopped")
    except SandboxError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="sandbox", description="The whole chain on one machine.")
    parser.add_argument("--nodes", type=int, choices=(1, 3), default=1, help="source nodes")
    parser.add_argument("--capture", choices=[c.value for c in Capture], default="ours")
    parser.add_argument(
        "--cassandra", choices=sorted(RELEASES), default=DEFAULT.version, help="the source's"
    )
    return parser.parse_args()


def _as_interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
