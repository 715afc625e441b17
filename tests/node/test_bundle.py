"""The bundle: the same bytes each time, whole, and it runs with nothing but itself."""

import hashlib
import os
import platform
import subprocess
import tarfile
from pathlib import Path

import pytest

from hintferry.adapters.config.settings import migration_from
from node import bundle, render
from tests.node.guarded import oldest_python
from tools import places
from tools.releases import CASSANDRA_4, NODE_JAVA, RELEASES
from tools.setup import set_up_release
from tools.steps import run

pytestmark = pytest.mark.slow

# `e_machine` of an ELF file.
ELF_MACHINES = {"x86_64": 62, "aarch64": 183}

LOGIN = """
import java.io.FileReader;
import java.util.Properties;

public class Login {
    public static void main(String[] args) throws Exception {
        Properties all = new Properties(), producer = new Properties();
        all.load(new FileReader(args[0]));
        for (String name : all.stringPropertyNames())
            if (name.startsWith("kafka.producer."))
                producer.put(name.substring("kafka.producer.".length()), all.get(name));
        String text = "org.apache.kafka.common.serialization.StringSerializer";
        producer.put("key.serializer", text);
        producer.put("value.serializer", text);
        new org.apache.kafka.clients.producer.KafkaProducer<String, String>(producer)
                .close(java.time.Duration.ZERO);
        System.out.println("logged in");
    }
}
"""


# That of the machine that runs the tests: what is in it is run.
MACHINE = platform.machine()


@pytest.fixture(scope="module")
def tars(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    set_up_release(CASSANDRA_4)
    run([str(places.VENV_PYTHON), "-m", "tools.jars", "fetch", "msk"])
    home = tmp_path_factory.mktemp("bundle")
    return {machine: bundle.build(home, machine) for machine in NODE_JAVA}


@pytest.fixture(scope="module")
def tar(tars: dict[str, Path]) -> Path:
    return tars[MACHINE]


@pytest.fixture(scope="module")
def release(tar: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle as it is unpacked on a node, but for where `current` is."""
    home = tmp_path_factory.mktemp("release")
    with tarfile.open(tar) as content:
        content.extractall(home, filter="data")
    (folder,) = home.iterdir()
    for classpath in folder.glob("classpath*"):
        classpath.write_text(classpath.read_text().replace(bundle.CURRENT, str(folder)))
    return folder


def java(release: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(release / "java/bin/java"), *arguments],
        env={}, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip


def compiled(release: Path, target: Path, name: str, source: str, jar: Path) -> None:
    (target / f"{name}.java").write_text(source)
    compiler = places.classpath("compiler").read_text().strip()
    options = ["-17", "-nowarn", "-cp", str(jar), "-d", str(target)]
    done = java(release, "-jar", compiler, *options, str(target / f"{name}.java"))
    assert done.returncode == 0, done.stderr


def test_equal_inputs_give_equal_bytes(tar: Path, tmp_path: Path) -> None:
    again = bundle.build(tmp_path, MACHINE)
    assert hashlib.sha256(again.read_bytes()).digest() == hashlib.sha256(tar.read_bytes()).digest()
    assert (
        tar.with_suffix(".tar.sha256")
        .read_text()
        .startswith(hashlib.sha256(tar.read_bytes()).hexdigest())
    )


def test_the_manifest_names_every_file_by_its_hash(tar: Path) -> None:
    with tarfile.open(tar) as content:
        names = {entry.name.partition("/")[2]: entry for entry in content.getmembers()}
        manifest = content.extractfile(names["MANIFEST"])
        assert manifest is not None
        lines = [line.split("  ", 1) for line in manifest.read().decode().splitlines()]
        assert {name for _, name in lines} == set(names) - {"MANIFEST"}
        for digest, name in lines:
            file = content.extractfile(names[name])
            assert file is not None
            assert hashlib.sha256(file.read()).hexdigest() == digest
        assert {(entry.uid, entry.uname, entry.mtime) for entry in names.values()} == {
            (0, "", 946_684_800)
        }


@pytest.mark.parametrize("machine", NODE_JAVA)
def test_every_program_and_library_of_the_java_is_of_the_bundles_machine(
    machine: str, tars: dict[str, Path]
) -> None:
    """By the tag that stands in the head of every ELF file."""
    found = {}
    with tarfile.open(tars[machine]) as content:
        for entry in content.getmembers():
            name = entry.name.partition("/")[2]
            file = content.extractfile(entry) if name.startswith("java/") else None
            head = file.read(20) if file else b""
            if head.startswith(b"\x7fELF"):
                found[name] = int.from_bytes(head[18:20], "little")
    assert {"java/bin/java", "java/lib/server/libjvm.so"} <= set(found)
    assert set(found.values()) == {ELF_MACHINES[machine]}


def test_the_installer_checks_a_node_with_what_the_bundle_holds(
    release: Path, tmp_path: Path
) -> None:
    (tmp_path / "cassandra.yaml").write_text("cdc_enabled: false\n")
    arguments = ["check", "--cassandra-yaml", str(tmp_path / "cassandra.yaml")]
    done = subprocess.run(
        [oldest_python(), "-m", "node.install.install", *arguments],
        cwd=release, env={"PATH": os.environ["PATH"]},
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert (done.returncode, "FAULT: cdc_enabled" in done.stdout) == (1, True), done


def class_path(release: Path, major: int) -> list[str]:
    return (release / f"classpath{major}").read_text().split()[-1].split(":")


@pytest.mark.parametrize("major", [release.major for release in RELEASES.values()])
def test_capture_starts_on_the_java_of_the_bundle(
    major: int, release: Path, tmp_path: Path
) -> None:
    """As the unit starts it: it comes as far as missing its configuration."""
    render.render(migration_from(places.ROOT / "migration.toml"), "127.0.0.1:1", "iam", tmp_path)
    unit = (release / "node/units/hintferry-capture.service").read_text()
    assert f"@{bundle.CURRENT}/classpath5 hintferry.capture.CaptureTask" in unit
    path = class_path(release, major)
    assert all(Path(jar).exists() for jar in path)
    assert f"capture{major}.jar" in path[0]
    agents = [one for one in (release / f"classpath{major}").read_text().split() if "agent" in one]
    assert [one.rpartition("/jamm-")[0] for one in agents] == (
        [f"-javaagent:{release}/jars"] if major == 4 else []
    )
    assert "aws-msk-iam-auth" in path[-1]
    assert any(f"debezium-connector-cassandra-{major}-" in jar for jar in path)
    options = f"@{tmp_path}/jvm.options"
    done = java(
        release,
        options,
        f"@{release}/classpath{major}",
        "hintferry.capture.CaptureTask",
        "/nowhere",
    )
    assert "ClassNotFound" not in done.stderr
    assert "/nowhere" in done.stderr + done.stdout


@pytest.mark.parametrize("major", [release.major for release in RELEASES.values()])
def test_the_producer_takes_the_rendered_login_to_msk(
    major: int, release: Path, tmp_path: Path
) -> None:
    render.render(migration_from(places.ROOT / "migration.toml"), "127.0.0.1:1", "iam", tmp_path)
    path = class_path(release, major)
    (kafka,) = (jar for jar in path if "/kafka-clients-" in jar)
    compiled(release, tmp_path, "Login", LOGIN, Path(kafka))
    classpath = ":".join(path)
    properties = str(tmp_path / "capture.properties")
    done = java(release, "-cp", f"{tmp_path}:{classpath}", "Login", properties)
    assert "logged in" in done.stdout, done.stderr


DRIVER = """
import com.typesafe.config.ConfigFactory;
import java.io.File;

public class Driver {
    public static void main(String[] args) {
        var driver = ConfigFactory.parseFile(new File(args[0])).resolve()
                .getConfig("datastax-java-driver");
        System.out.println(driver.getStringList("basic.contact-points"));
        System.out.println(driver.hasPath("advanced.auth-provider.username"));
    }
}
"""


def test_the_drivers_file_takes_a_login_from_another_that_need_not_be_there(
    release: Path, tmp_path: Path
) -> None:
    render.render(migration_from(places.ROOT / "migration.toml"), "127.0.0.1:1", "iam", tmp_path)
    login = tmp_path / "credentials.conf"
    driver = tmp_path / "driver.conf"
    text = driver.read_text()
    assert "/etc/hintferry/credentials.conf" in text
    driver.write_text(text.replace("/etc/hintferry/credentials.conf", str(login)))
    config = next(iter((release / "jars").glob("config-*.jar")))
    compiled(release, tmp_path, "Driver", DRIVER, config)
    arguments = ("-cp", f"{tmp_path}:{config}", "Driver", str(driver))
    assert java(release, *arguments).stdout.split() == ["[@ADDRESS@:9042]", "false"]
    login.write_text("datastax-java-driver.advanced.auth-provider.username = hintferry")
    assert java(release, *arguments).stdout.split() == ["[@ADDRESS@:9042]", "true"]
