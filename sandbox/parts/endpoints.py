"""Define how to reach the parts of a running sandbox. Values only."""

from dataclasses import dataclass
from enum import Enum
from pathlib import Path


class Capture(Enum):
    """Connector that reads the source's commit logs."""

    OURS = "ours"
    STOCK = "stock"


@dataclass(frozen=True, slots=True)
class CqlEndpoint:
    hosts: tuple[str, ...]
    port: int
    datacenter: str


@dataclass(frozen=True, slots=True)
class KeyspacesEndpoint:
    host: str
    port: int
    region: str
    ca_file: Path
    access_key_id: str
    secret_access_key: str


@dataclass(frozen=True, slots=True)
class AwsEndpoint:
    url: str
    region: str
    access_key_id: str
    secret_access_key: str
    parked_queue_url: str
    replay_queue_url: str
    bucket: str
