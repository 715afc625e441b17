"""The command line: `keyspaces-local serve`. Owns arguments, logging and exit statuses."""

import argparse
import asyncio
import logging
import sys
from collections.abc import Sequence
from ipaddress import ip_address
from pathlib import Path

from keyspaces_local.admin import Address, BackendError, BackendUnavailableError
from keyspaces_local.credentials import CredentialsError
from keyspaces_local.server import Settings, StartError, serve


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; 0 after a clean end, 1 when it cannot start."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    settings = Settings(
        options.listen,
        options.backend,
        options.region,
        options.state,
        options.wait_seconds,
        tuple(options.peers),
        options.control,
        options.parent,
    )
    try:
        asyncio.run(serve(settings, _announce))
    except (StartError, CredentialsError, BackendError, BackendUnavailableError) as error:
        print(f"keyspaces-local: {error}", file=sys.stderr)
        return 1
    return 0


def _announce() -> None:
    print("ready", flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="keyspaces-local",
        description="Make an Apache Cassandra behave as Amazon Keyspaces does.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    command = commands.add_parser("serve", help="serve until SIGTERM or SIGINT")
    command.add_argument("--listen", type=_address, required=True, metavar="HOST:PORT")
    command.add_argument("--backend", type=_address, required=True, metavar="HOST:PORT")
    command.add_argument("--region", default="us-east-1")
    command.add_argument(
        "--state", type=Path, required=True, metavar="DIR", help="CA, certificate and keys"
    )
    command.add_argument(
        "--wait-seconds", type=float, default=60.0, help="for the Cassandra behind (60)"
    )
    command.add_argument(
        "--peer",
        dest="peers",
        type=_ip_address,
        action="append",
        default=[],
        metavar="ADDRESS",
        help="also listen on this address, and show it in system.peers; may be repeated",
    )
    command.add_argument(
        "--parent", type=int, metavar="PID", help="end when this process, which started it, has"
    )
    command.add_argument(
        "--control", type=_loopback, metavar="HOST:PORT", help="control port for tests (loopback)"
    )
    return parser


def _ip_address(text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no IP address") from None


def _loopback(text: str) -> Address:
    address = _address(text)
    if not ip_address(_ip_address(address.host)).is_loopback:
        raise argparse.ArgumentTypeError(f"{text!r}: the control port listens on loopback only")
    return address


def _address(text: str) -> Address:
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT")
    return Address(host.strip("[]"), int(port))
