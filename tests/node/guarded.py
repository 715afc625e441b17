"""A made Cassandra node for the guard: directories, logs, and a world with a clock of its own."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from hintferry_ops.monitoring.node_metrics import METRICS
from node.cdcguard.commands import run
from node.cdcguard.settings import Settings, load_settings
from node.cdcguard.world import World

START = 1_760_000_000.0
MIB = 1024 * 1024
HOST_ID = "8d5ed9f4-7764-4dbd-bad8-43fddce94b7c"


class FakeWorld(World):
    """World of the guard beyond the disk; the test sets its answers."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.time = START
        self.up = True
        self.running = 4711
        self.restarts: list[str] = []
        self.counts: dict[str, int] = {}
        self.nodetools_id = ""
        self.volume = 100 * 1024 * MIB
        self.sent: list[dict[str, Any]] = []

    def now(self) -> float:
        return self.time

    def healthy(self) -> bool:
        return self.up

    def pid(self) -> int:
        return self.running

    def restart(self, hard: bool) -> bool:
        self.restarts.append("hard" if hard else "soft")
        return True

    def count(self, bean: str) -> int | None:
        return self.counts.get(bean)

    def send(self, document: str) -> None:
        self.sent.append(json.loads(document))

    def host_id(self) -> str:
        return self.nodetools_id

    def volume_free(self) -> int:
        return self.volume


class MadeNode:
    """One node's directories below `home`; segments of 1 MiB, `cdc_total_space` of 40 MiB."""

    def __init__(self, home: Path, tables: str = "shop.orders shop.readings") -> None:
        self.home = home
        self.cdc_raw = home / "cdc_raw"
        self.commitlog = home / "commitlog"
        self.relocated = home / "hintferry" / "relocated"
        self.offsets = home / "hintferry" / "offsets"
        for path in (self.cdc_raw, self.commitlog, self.relocated / "archive",
                     self.relocated / "error", self.offsets):  # fmt: skip
            path.mkdir(parents=True)
        self.connector_log = home / "capture.log"
        self.cassandra_log = home / "system.log"
        self.yaml = home / "cassandra.yaml"
        self.yaml.write_text(
            "cdc_enabled: true\n"
            f"cdc_raw_directory: {self.cdc_raw}\n"
            f"commitlog_directory: '{self.commitlog}'  # quoted\n"
            "# cdc_total_space: 1MiB\n"
            "cdc_total_space: 40MiB\n"
            "commitlog_segment_size: 1MiB\n"
            "data_file_directories:\n    - /nowhere\n"
        )
        self.ini = home / "cdcguard.ini"
        self.ini.write_text(
            "[cdcguard]\n"
            f"cassandra_yaml = {self.yaml}\n"
            f"home = {home / 'hintferry'}\n"
            f"connector_log = {self.connector_log}\n"
            f"cassandra_log = {self.cassandra_log}\n"
            "health_url = http://127.0.0.1:1/health\n"
            "pipeline = old-shop\nnode = 10.0.1.11\n"
            f"tables = {tables}\n"
            "archive_mib = 5\n"
        )
        self.settings = load_settings(str(self.ini))
        self.world = FakeWorld(self.settings)

    def segment(
        self, number: int, index: str | None, in_commitlog: bool = False, where: Path | None = None,
        size: int = MIB, age: float = 0,
    ) -> Path:  # fmt: skip
        """A log, its index (None: none), and its hard link in the commit-log directory."""
        log = (where or self.cdc_raw) / f"CommitLog-7-{number}.log"
        with log.open("wb") as file:
            file.truncate(size)
        if in_commitlog:
            os.link(log, self.commitlog / log.name)
        idx = log.with_name(f"CommitLog-7-{number}_cdc.idx")
        if index is not None:
            idx.write_text(index)
            os.utime(idx, (self.world.time - age, self.world.time - age))
        return idx

    def offset(self, **positions: str) -> None:
        """`shop_orders="7:123"`: the hints of shop.orders were sent to 123 of segment 7."""
        lines = ["#Offsets", "#Thu Nov 26 12:00:00 UTC 2026"]
        for table, position in positions.items():
            number, _, at = position.partition(":")
            name = table.replace("_", ".", 1)
            lines.append(f"{name}=CommitLog-7-{number}.log\\:{at}")
        (self.offsets / "commitlog_offset.properties").write_text("\n".join(lines) + "\n")

    def capture(
        self,
        acknowledged: str | None = None,
        *,
        age: float = 0,
        drawn: Mapping[str, float] = MappingProxyType({}),
        **tables: str | None,
    ) -> None:
        """Write our connector's state: shop_orders=None is captured, shop_orders="x" is not, for x.

        `acknowledged="7:123"`: all before 123 of segment 7 was sent. `drawn`: when the newest
        settled marker of a table was drawn.
        """
        number, _, at = (acknowledged or "").partition(":")
        told = []
        for table, why in tables.items():
            keyspace, _, name = table.partition("_")
            kept: dict[str, Any] = {"why": why} if why else {"since": 1}
            if table in drawn:
                kept["watermark"] = {"drawn_ms": int(drawn[table] * 1000)}
            told.append({"keyspace": keyspace, "table": name, "id": "x", **kept})
        state = {
            "version": 1,
            "host_id": HOST_ID,
            "at_ms": int((self.world.time - age) * 1000),
            "acknowledged": {"segment": int(number), "position": int(at)} if at else None,
            "tables": told,
        }
        (self.offsets / "capture_state.json").write_text(json.dumps(state))

    def run(self, after: float = 0) -> dict[str, float]:
        """One pass `after` seconds; the metrics that it sent."""
        self.world.time += after
        assert run(self.settings, self.world) == 0
        sent = self.world.sent[-1]
        return {name: sent[name] for name in METRICS}

    @property
    def losses(self) -> int:
        """What the guard wrote for the connector at its last loss; 0: none."""
        path = self.offsets / "losses"
        return int(path.read_text()) if path.exists() else 0

    @property
    def state(self) -> dict[str, Any]:
        return dict(json.loads(Path(self.settings.state).read_text()))

    @property
    def said(self) -> str:
        return "\n".join(self.state["said"])

    def in_cdc_raw(self) -> list[int]:
        return numbers(self.cdc_raw)

    def set_aside(self) -> list[int]:
        return numbers(self.relocated / "set-aside")


def numbers(directory: Path) -> list[int]:
    """The segments whose log lies in a directory."""
    return sorted(int(path.stem.split("-")[-1]) for path in directory.glob("*.log"))


def oldest_python() -> str:
    """Return this machine's oldest Python, for what runs on nodes."""
    for minor in range(6, 10):
        found = shutil.which(f"python3.{minor}")
        if found and subprocess.run([found, "-c", ""], capture_output=True).returncode == 0:
            return found
    return sys.executable
