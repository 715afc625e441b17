"""Read where things are on this node, and how long the guard waits."""

import configparser
import os
import socket
from typing import Dict, NamedTuple, Tuple

from node.cassandra_yaml import MIB, read_yaml, size

CONFIG = "/etc/hintferry/cdcguard.ini"


class GuardError(Exception):
    """The guard cannot work; the message says what to fix."""


class Settings(NamedTuple):
    """The paths and the limits of the guard; sizes in bytes, times in seconds."""

    cdc_raw: str
    commitlog: str
    cdc_enabled: bool
    cdc_total: int
    segment_size: int
    relocated: str
    offsets: str
    state: str
    connector_log: str
    cassandra_log: str
    health_url: str
    connector_unit: str
    nodetool: str
    emf: str
    pipeline: str
    node: str
    tables: Tuple[str, ...]
    archive_seconds: int
    archive_bytes: int
    stuck_seconds: int
    waits_every: int
    volume_reserve: int

    @property
    def archive(self) -> str:
        return os.path.join(self.relocated, "archive")

    @property
    def errors(self) -> str:
        return os.path.join(self.relocated, "error")

    @property
    def aside(self) -> str:
        return os.path.join(self.relocated, "set-aside")


def load_settings(path: str) -> Settings:
    """Read the ini file, and Cassandra's own settings from cassandra.yaml. Raises GuardError."""
    parser = configparser.ConfigParser(interpolation=None)
    if not parser.read(path) or not parser.has_section("cdcguard"):
        raise GuardError(
            f"{path} is missing or has no section [cdcguard]: install the release again."
        )
    ini = parser["cdcguard"]
    try:
        yaml = read_yaml(ini["cassandra_yaml"])
        storage = ini.get("storage_directory", "/var/lib/cassandra")
        home = ini["home"]
        cdc_raw = yaml.get("cdc_raw_directory") or os.path.join(storage, "cdc_raw")
        relocated = ini.get("relocation_directory", os.path.join(home, "relocated"))
        return Settings(
            cdc_raw=cdc_raw,
            commitlog=yaml.get("commitlog_directory") or os.path.join(storage, "commitlog"),
            cdc_enabled=yaml.get("cdc_enabled", "").lower() == "true",
            cdc_total=cdc_total(yaml, cdc_raw),
            segment_size=size(yaml, "commitlog_segment_size", "commitlog_segment_size_in_mb", 32),
            relocated=relocated,
            offsets=ini.get("offsets_directory", os.path.join(home, "offsets")),
            state=ini.get("state", os.path.join(home, "cdcguard.json")),
            connector_log=ini["connector_log"],
            cassandra_log=ini.get("cassandra_log", "/var/log/cassandra/system.log"),
            health_url=ini["health_url"],
            connector_unit=ini.get("connector_unit", "hintferry-capture"),
            nodetool=ini.get("nodetool", ""),
            emf=ini.get("emf", "127.0.0.1:25888"),
            pipeline=ini["pipeline"],
            node=ini.get("node", socket.gethostname()),
            tables=tuple(ini.get("tables", "").split()),
            archive_seconds=ini.getint("archive_seconds", 3600),
            archive_bytes=ini.getint("archive_mib", 1024) * MIB,
            stuck_seconds=ini.getint("stuck_seconds", 300),
            waits_every=ini.getint("waits_every_seconds", 300),
            volume_reserve=ini.getint("volume_reserve_mib", 1024) * MIB,
        )
    except KeyError as error:
        raise GuardError(f"{path} lacks {error}: render the configuration again.") from None
    except (OSError, ValueError) as error:
        raise GuardError(f"{path}: {error}") from None


def cdc_total(yaml: Dict[str, str], cdc_raw: str) -> int:
    given = size(yaml, "cdc_total_space", "cdc_total_space_in_mb", 0)
    if given:
        return given
    volume = os.statvfs(cdc_raw)
    return min(4096 * MIB, volume.f_blocks * volume.f_frsize // 8)
