"""Install a release on this node, or remove it; run as root from the unpacked bundle.

    python3 -m node.install.install check --cassandra-yaml FILE
    python3 -m node.install.install apply --cassandra-yaml FILE --config FOLDER
    python3 -m node.install.install remove

`apply` installs, configures and upgrades: it does what is missing, and a second run changes
nothing. FOLDER is what `node.render` wrote. Exit 1 and the faults when the node is not fit.
"""

import argparse
import contextlib
import os
import pwd
import re
import shutil
import subprocess
import sys
from typing import Dict, List, NamedTuple

from hintferry_ops.fit.node_checks import Fault, setting_faults
from node.cassandra_yaml import read_yaml

RELEASE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
UNITS = ("hintferry-capture.service", "cdcguard.service", "cdcguard.timer")
# Started and stopped in this order; the guard's service is the timer's business.
RUNNING = ("cdcguard.timer", "hintferry-capture.service")
RELEASES_KEPT = 2
# Of Cassandra; tools/releases.py has their table.
SERVED = ("4.0", "4.1", "5.0")
# The newest property that the connector needs.
GROUP = "hintferry.consumer.group"
CONFIGURATION = ("capture.properties", "cdcguard.ini", "driver.conf", "jvm.options", "logback.xml")


class InstallError(Exception):
    """The installer cannot go on; the message says why and what to do."""


class NodePaths(NamedTuple):
    """The paths on this node; `root` is `/` except in tests."""

    root: str
    cassandra_yaml: str
    yaml: Dict[str, str]
    user: str
    version: str

    @property
    def storage(self) -> str:
        return "/var/lib/cassandra"

    @property
    def cdc_raw(self) -> str:
        return self.yaml.get("cdc_raw_directory") or self.storage + "/cdc_raw"

    @property
    def commitlog(self) -> str:
        return self.yaml.get("commitlog_directory") or self.storage + "/commitlog"

    @property
    def home(self) -> str:
        """Return the folder beside cdc_raw: segments are moved there within one filesystem."""
        return os.path.join(os.path.dirname(self.cdc_raw), "hintferry")

    @property
    def address(self) -> str:
        named = self.yaml.get("rpc_address") or self.yaml.get("listen_address") or ""
        if named in ("0.0.0.0", "::"):
            named = self.yaml.get("broadcast_rpc_address", "")
        return named or "127.0.0.1"

    def path(self, absolute: str) -> str:
        return os.path.join(self.root, absolute.lstrip("/"))


def find_node(root: str, cassandra_yaml: str, user: str, version: str) -> NodePaths:
    try:
        yaml = read_yaml(cassandra_yaml)
    except OSError as error:
        raise InstallError(f"cassandra.yaml could not be read: {error}") from None
    return NodePaths(root, cassandra_yaml, yaml, user, version)


def faults_of(node: NodePaths) -> List[Fault]:
    """Return the faults of the settings, and those of the node's disks."""
    faults = setting_faults(node.yaml, node.version)
    devices = []
    for path in (node.cdc_raw, node.commitlog, os.path.dirname(node.home)):
        with contextlib.suppress(FileNotFoundError):
            devices.append(os.stat(path).st_dev)
    if len(set(devices)) > 1:
        faults.append(
            Fault(
                "filesystems", f"{node.cdc_raw} is not where its neighbours are",
                "Segments are linked and moved, not copied: put cdc_raw_directory, its parent and "
                "commitlog_directory on one filesystem.",
            )
        )  # fmt: skip
    return faults


def apply(node: NodePaths, config: str) -> None:
    """Install, configure or upgrade; after an error, run it again from the start."""
    major = connector(node)
    fatal = [fault for fault in faults_of(node) if fault.fatal]
    if fatal:
        raise InstallError("\n".join(str(fault) for fault in fatal))
    check_rendered(config)
    account = owner(node)
    for folder in (node.home, node.home + "/offsets", node.home + "/relocated"):
        make_folder(folder, account)
    make_folder(node.path("/var/log/hintferry"), account)
    configure(node, config)
    switch(node)
    for unit in UNITS:
        write_unit(node, unit, major)
    systemctl("daemon-reload")
    systemctl("enable", *RUNNING)
    systemctl("restart", *reversed(RUNNING))
    forget_old_releases(node)


def check_rendered(config: str) -> None:
    if not os.path.isdir(config) or set(CONFIGURATION) - set(os.listdir(config)):
        raise InstallError(f"{config} is not what node.render writes: render it again.")
    with open(os.path.join(config, "capture.properties"), encoding="utf-8") as file:
        if f"\n{GROUP}=" not in file.read():
            raise InstallError(
                f"{config} is from before watermarks, without {GROUP}: render it again and run "
                "configure, then upgrade."
            )


def owner(node: NodePaths) -> "pwd.struct_passwd":
    try:
        return pwd.getpwnam(node.user)
    except KeyError:
        raise InstallError(
            f"There is no user {node.user}: name Cassandra's own with --user."
        ) from None


def make_folder(path: str, account: "pwd.struct_passwd") -> None:
    os.makedirs(path, mode=0o750, exist_ok=True)
    os.chown(path, account.pw_uid, account.pw_gid)


def connector(node: NodePaths) -> int:
    """Return which of the bundle's two connectors the node needs: 4 or 5."""
    major = int(re.findall(r"\d+", node.version)[0])
    if major not in {int(version[0]) for version in SERVED}:
        raise InstallError(
            f"There is no connector for Cassandra {node.version}, only for {', '.join(SERVED)}: "
            "upgrade the node first."
        )
    return major


def configure(node: NodePaths, config: str) -> None:
    """Fill in this node's own values. Other files of /etc/hintferry stay as they are."""
    target = node.path("/etc/hintferry")
    os.makedirs(target, exist_ok=True)
    rackdc = os.path.join(os.path.dirname(node.cassandra_yaml), "cassandra-rackdc.properties")
    values = {
        "ADDRESS": node.address,
        "CLUSTER": node.yaml.get("cluster_name", "Test Cluster"),
        "CASSANDRA_YAML": node.cassandra_yaml,
        "CASSANDRA_LOG": "/var/log/cassandra/system.log",
        "STORAGE": node.storage,
        "HOME": node.home,
        "RACKDC": rackdc,
        "NODETOOL": shutil.which("nodetool") or "",
    }
    for name in CONFIGURATION:
        with open(os.path.join(config, name), encoding="utf-8") as file:
            text = file.read()
        for key, value in values.items():
            text = text.replace(f"@{key}@", value)
        left = re.search(r"@[A-Z_]+@", text)
        if left:
            raise InstallError(
                f"{name} asks for {left.group(0)}, which this release does not know."
            )
        with open(os.path.join(target, name), "w", encoding="utf-8") as file:
            file.write(text)


def switch(node: NodePaths) -> None:
    """Point `current` to this release, at once or not at all."""
    current = node.path("/opt/hintferry/current")
    os.makedirs(os.path.dirname(current), exist_ok=True)
    with contextlib.suppress(FileNotFoundError):
        os.remove(current + ".new")
    os.symlink(RELEASE, current + ".new")
    os.replace(current + ".new", current)


def write_unit(node: NodePaths, unit: str, major: int) -> None:
    with open(os.path.join(RELEASE, "node", "units", unit), encoding="utf-8") as file:
        text = file.read()
    text = text.replace("User=cassandra\n", f"User={node.user}\n")
    text = text.replace("/classpath5 ", f"/classpath{major} ")
    with open(node.path("/etc/systemd/system/" + unit), "w", encoding="utf-8") as file:
        file.write(text)


def forget_old_releases(node: NodePaths) -> None:
    """Delete old releases but the one before, to roll back to."""
    releases = node.path("/opt/hintferry/releases")
    if not os.path.isdir(releases):
        return
    paths = [os.path.join(releases, name) for name in os.listdir(releases)]
    paths = sorted((path for path in paths if path != RELEASE), key=os.path.getmtime)
    for path in paths[: -(RELEASES_KEPT - 1)]:
        shutil.rmtree(path)


def remove(node: NodePaths) -> None:
    """Remove the release; keep /etc/hintferry, and the progress and archive beside cdc_raw."""
    for unit in UNITS:
        with contextlib.suppress(InstallError):
            systemctl("disable", "--now", unit)
        with contextlib.suppress(FileNotFoundError):
            os.remove(node.path("/etc/systemd/system/" + unit))
    systemctl("daemon-reload")
    with contextlib.suppress(FileNotFoundError):
        os.remove(node.path("/opt/hintferry/current"))
    shutil.rmtree(node.path("/opt/hintferry/releases"), ignore_errors=True)


def systemctl(*arguments: str) -> None:
    command = ["systemctl", *arguments]
    try:
        done = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise InstallError(f"systemctl {' '.join(arguments)}: {error}") from None
    if done.returncode:
        raise InstallError(f"systemctl {' '.join(arguments)}: {done.stdout.decode().strip()}")


def main(arguments: List[str], root: str = "/") -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("verb", choices=["check", "apply", "remove"])
    parser.add_argument("--cassandra-yaml", default="/etc/cassandra/cassandra.yaml")
    parser.add_argument("--cassandra-version", default="5.0")
    parser.add_argument("--config", default="/etc/hintferry/rendered")
    parser.add_argument("--user", default="cassandra", help="user that Cassandra runs as")
    asked = parser.parse_args(arguments)
    try:
        if asked.verb == "remove":
            remove(NodePaths(root, "", {}, asked.user, asked.cassandra_version))
            return 0
        node = find_node(root, asked.cassandra_yaml, asked.user, asked.cassandra_version)
        faults = faults_of(node)
        for fault in faults:
            print(fault)
        if asked.verb == "apply":
            apply(node, asked.config)
        return int(any(fault.fatal for fault in faults))
    except (InstallError, OSError) as error:
        print(f"hintferry: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
