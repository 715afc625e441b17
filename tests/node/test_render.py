"""Test what is rendered from `migration.toml` and filled in on the node."""

import os
import pwd
import subprocess
import sys
from pathlib import Path

import pytest

from hintferry.adapters.config.settings import migration_from
from node import render
from node.cdcguard.settings import load_settings
from node.install import install
from sandbox.parts import templates
from tools import places

ME = pwd.getpwuid(os.getuid()).pw_name


@pytest.fixture
def config(tmp_path: Path) -> Path:
    target = tmp_path / "rendered"
    render.render(
        migration_from(places.ROOT / "migration.toml"), "b-1:9098,b-2:9098", "iam", target
    )
    return target


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A root with Cassandra's directories, and a systemctl that writes down what it is told."""
    root = tmp_path / "root"
    data = root / "data"
    for name in ("cdc_raw", "commitlog"):
        (data / name).mkdir(parents=True)
    (root / "cassandra.yaml").write_text(
        "cluster_name: 'Old Shop'\nrpc_address: 10.0.1.11\n"
        f"cdc_raw_directory: {data}/cdc_raw\ncommitlog_directory: {data}/commitlog\n"
        "cdc_enabled: true\ncdc_total_space: 4GiB\ncommitlog_sync: periodic\n"
        "commitlog_sync_period: 100ms\nperiodic_commitlog_sync_lag_block: 15s\n"
    )
    (root / "etc/systemd/system").mkdir(parents=True)
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    program = bin_folder / "systemctl"
    program.write_text(f'#!/bin/sh\necho "$@" >> {root}/told\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{bin_folder}:{os.environ['PATH']}")
    return root


def call(node: Path, verb: str, config: Path | None = None, version: str = "5.0.9") -> int:
    options = ["--cassandra-version", version]
    options += ["--config", str(config)] if config else []
    arguments = [verb, "--cassandra-yaml", str(node / "cassandra.yaml"), "--user", ME, *options]
    return install.main(arguments, str(node))


def properties(text: str) -> dict[str, str]:
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return {name: value for name, _, value in (line.partition("=") for line in lines)}


def test_the_connector_looks_for_the_group_of_each_mapping(config: Path) -> None:
    migration = migration_from(places.ROOT / "migration.toml")
    named = properties((config / "capture.properties").read_text())["hintferry.consumer.group"]
    table = migration.tables[0].id
    of_table = named.replace("{keyspace}", table.keyspace).replace("{table}", table.name)
    assert of_table == migration.consumer_group(table)


def test_the_connector_is_set_as_in_the_sandbox_but_for_the_login_and_what_is_kept(
    config: Path,
) -> None:
    production = properties((config / "capture.properties").read_text())
    sandbox = properties((templates.CONF / "connector.properties").read_text())
    assert {name for name in production if name not in sandbox} == {
        "commit.log.post.processing.enabled",
        "kafka.producer.security.protocol",
        "kafka.producer.sasl.mechanism",
        "kafka.producer.sasl.jaas.config",
        "kafka.producer.sasl.client.callback.handler.class",
    }
    # Only the stock reader asks for them.
    assert {name for name in sandbox if name not in production} == {
        "decimal.handling.mode", "varint.handling.mode",
    }  # fmt: skip
    fixed = {name for name, value in sandbox.items() if "$" not in value and name in production}
    assert {name: production[name] for name in fixed} == {name: sandbox[name] for name in fixed}
    assert production["kafka.producer.bootstrap.servers"] == "b-1:9098,b-2:9098"
    assert production["topic.prefix"] == "hintferry"


def test_the_jvm_may_reach_what_it_may_in_the_sandbox(config: Path) -> None:
    options = (config / "jvm.options").read_text()
    assert (templates.CONF / "jvm.options").read_text() in options


def test_a_node_is_set_up_and_set_up_again(node: Path, config: Path) -> None:
    for _ in range(2):
        assert call(node, "apply", config) == 0
    written = properties((node / "etc/hintferry/capture.properties").read_text())
    assert written["cassandra.cluster.name"] == "Old Shop"
    assert written["offset.backing.store.dir"] == f"{node}/data/hintferry/offsets"
    assert (node / "data/hintferry/offsets").is_dir()
    assert '["10.0.1.11:9042"]' in (node / "etc/hintferry/driver.conf").read_text()
    assert f"User={ME}\n" in (node / "etc/systemd/system/hintferry-capture.service").read_text()
    assert os.readlink(node / "opt/hintferry/current") == str(places.ROOT)
    told = (node / "told").read_text().splitlines()
    assert told[:3] == [
        "daemon-reload",
        "enable cdcguard.timer hintferry-capture.service",
        "restart hintferry-capture.service cdcguard.timer",
    ]


def test_a_configuration_from_before_watermarks_is_refused(
    node: Path, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The document `upgrade` keeps the configuration, and the connector would not start."""
    file = config / "capture.properties"
    file.write_text(file.read_text().replace("hintferry.consumer.group", "hintferry.other"))
    assert call(node, "apply", config) == 1
    assert "render it again and run configure, then upgrade" in capsys.readouterr().err
    assert not (node / "opt/hintferry/current").exists()


def test_what_was_set_up_is_what_the_guard_reads(node: Path, config: Path) -> None:
    assert call(node, "apply", config) == 0
    settings = load_settings(str(node / "etc/hintferry/cdcguard.ini"))
    written = properties((node / "etc/hintferry/capture.properties").read_text())
    assert settings.cdc_raw == f"{node}/data/cdc_raw"
    assert settings.offsets == written["offset.backing.store.dir"]
    assert settings.relocated == written["commit.log.relocation.dir"]
    assert settings.aside == written["hintferry.aside.dir"]
    assert settings.tables == ("shop.orders", "shop.readings")
    assert (settings.pipeline, settings.node) == ("hintferry", "10.0.1.11")
    assert settings.connector_log in (node / "etc/hintferry/logback.xml").read_text()
    assert f":{written['http.port']}/" in settings.health_url
    units = node / "etc/systemd/system"
    assert (units / f"{settings.connector_unit}.service").exists()


def test_a_node_that_would_lose_hints_is_left_alone(
    node: Path, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    yaml = node / "cassandra.yaml"
    yaml.write_text(yaml.read_text().replace("cdc_enabled: true", "cdc_enabled: false"))
    assert call(node, "check") == 1
    assert call(node, "apply", config) == 1
    assert "cdc_enabled: false. Capture sees no write" in capsys.readouterr().out
    assert not (node / "told").exists()
    assert not (node / "etc/hintferry").exists()


@pytest.mark.parametrize(("version", "major"), [("5.0.9", 5), ("4.1.10", 4), ("4.0", 4)])
def test_a_node_gets_the_connector_of_its_release(
    version: str, major: int, node: Path, config: Path
) -> None:
    assert call(node, "apply", config, version) == 0
    unit = (node / "etc/systemd/system/hintferry-capture.service").read_text()
    assert f"@/opt/hintferry/current/classpath{major} hintferry.capture.CaptureTask" in unit


def test_a_node_that_no_connector_reads_is_left_alone(
    node: Path, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(node, "apply", config, "3.11.17") == 1
    assert "There is no connector for Cassandra 3.11.17" in capsys.readouterr().err
    assert not (node / "etc/hintferry").exists()


def test_half_a_configuration_is_refused(node: Path, config: Path) -> None:
    assert {path.name for path in config.iterdir()} == set(install.CONFIGURATION)
    (config / "jvm.options").unlink()
    assert call(node, "apply", config) == 1
    assert not (node / "etc/hintferry").exists()


def test_a_node_without_its_yaml_can_be_left(node: Path) -> None:
    (node / "cassandra.yaml").unlink()
    assert call(node, "check") == 1
    assert call(node, "remove") == 0


def test_removing_leaves_what_was_read_and_how_far(node: Path, config: Path) -> None:
    assert call(node, "apply", config) == 0
    assert call(node, "remove") == 0
    assert not list((node / "etc/systemd/system").iterdir())
    assert not (node / "opt/hintferry/current").is_symlink()
    assert (node / "data/hintferry/offsets").is_dir()
    assert "disable --now hintferry-capture.service" in (node / "told").read_text()


def test_units_name_what_the_bundle_and_the_configuration_hold(config: Path) -> None:
    text = "".join(path.read_text() for path in (places.ROOT / "node/units").iterdir())
    names = {part.rsplit("/", 1)[1] for part in text.split() if "/etc/hintferry/" in part}
    assert names == {"jvm.options", "capture.properties"}
    assert names <= {path.name for path in config.iterdir()}
    assert "/opt/hintferry/current/cdcguard.pyz" in text


def test_a_command_renders_for_a_broker_without_login(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "node.render", "--bootstrap-servers", "b:9092", "--login", "none",
         "--out", str(tmp_path / "out")],
        cwd=places.ROOT, env={**os.environ, "PYTHONPATH": "layers/hintferry/python"}, check=False,
    )  # fmt: skip
    assert done.returncode == 0
    written = properties((tmp_path / "out/capture.properties").read_text())
    assert written["kafka.producer.security.protocol"] == "PLAINTEXT"
