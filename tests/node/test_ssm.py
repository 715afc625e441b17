"""The SSM documents: whole, safe to fill in, and calling what is there."""

import json
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest

from node import bundle
from node.install import install
from tools import places

FOLDER = places.ROOT / "node" / "ssm"
DOCUMENTS = sorted(FOLDER.glob("*.json"))
ACTIONS = {
    "aws:downloadContent": {"sourceType", "sourceInfo", "destinationPath", "onFailure"},
    "aws:runShellScript": {"runCommand", "timeoutSeconds", "onFailure"},
}
PARAMETER = re.compile(r"\{\{ *(\w+) *\}\}")
EXAMPLES = {
    "BundleUrl": "https://s3.eu-west-1.amazonaws.com/assets/ab12.tar",
    "BundleSha256": "0" * 64,
    "ConfigurationUrl": "https://s3.eu-west-1.amazonaws.com/assets/node-config/",
    "CassandraYaml": "/etc/cassandra/conf/cassandra.yaml",
    "CassandraUser": "cassandra",
    "CassandraVersion": "5.0.9",
}


def load(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text()))


def script(document: dict[str, Any]) -> str:
    lines = [
        line
        for step in document["mainSteps"]
        if step["action"] == "aws:runShellScript"
        for line in step["inputs"]["runCommand"]
    ]
    return PARAMETER.sub(lambda found: EXAMPLES[found.group(1)], "\n".join(lines))


def test_there_is_a_document_for_each_thing_to_do() -> None:
    assert [path.stem for path in DOCUMENTS] == ["configure", "install", "remove", "upgrade"]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.stem)
def test_a_document_is_whole(path: Path) -> None:
    document = load(path)
    assert set(document) <= {"schemaVersion", "description", "parameters", "mainSteps"}
    assert document["schemaVersion"] == "2.2"
    names = [step["name"] for step in document["mainSteps"]]
    assert len(names) == len(set(names)) > 0
    for step in document["mainSteps"]:
        assert set(step) == {"action", "name", "precondition", "inputs"}
        assert set(step["inputs"]) == ACTIONS[step["action"]]
        # Without it the steps after a download that failed would run.
        assert step["inputs"]["onFailure"] == "exit"
        if step["action"] == "aws:downloadContent":
            assert set(json.loads(step["inputs"]["sourceInfo"])) == {"path"}
    assert len(path.read_bytes()) < 64 * 1024


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.stem)
def test_each_parameter_is_declared_used_and_cannot_carry_a_command(path: Path) -> None:
    document = load(path)
    declared = document.get("parameters", {})
    assert set(PARAMETER.findall(json.dumps(document["mainSteps"]))) == set(declared)
    for name, parameter in declared.items():
        assert set(parameter) <= {"type", "description", "default", "allowedPattern"}
        pattern = re.compile(parameter["allowedPattern"])
        assert pattern.search(parameter.get("default", EXAMPLES[name]))
        for bad in ("$(id)", "a'b", 'a"b', "a;b", "a b", "`id`", ""):
            assert not pattern.search(bad)
            assert not pattern.search(EXAMPLES[name] + bad) or not bad


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.stem)
def test_each_script_is_a_script_and_stops_at_the_first_fault(path: Path) -> None:
    document = load(path)
    for step in document["mainSteps"]:
        if step["action"] == "aws:runShellScript":
            assert step["inputs"]["runCommand"][0] == "set -eu"
    subprocess.run(["sh", "-n"], input=script(document), text=True, check=True)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.stem)
def test_each_calls_the_installer_in_a_way_that_it_understands(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "systemctl").symlink_to("/bin/true")
    monkeypatch.setenv("PATH", str(tmp_path))
    (line,) = [line for line in script(load(path)).splitlines() if "node.install" in line]
    program, *arguments = shlex.split(line)[1:]
    assert (program, arguments[0]) == ("-m", "node.install.install")
    assert "node/install/install.py" in bundle.PROGRAMS
    # The verb is understood; that the node has no such file is the next sentence.
    code = install.main(arguments[1:], str(tmp_path))
    assert (code, "cassandra.yaml" in capsys.readouterr().err) == (
        (0, False) if path.stem == "remove" else (1, True)
    )


def test_a_bundle_is_unpacked_checked_and_put_in_place(tmp_path: Path) -> None:
    """The script of `upgrade`, with another root, on a bundle made by hand."""
    (tmp_path / "made/hintferry-node-0123456789ab/node").mkdir(parents=True)
    spool = tmp_path / "var/tmp/hintferry-bundle"
    spool.mkdir(parents=True)
    tar = spool / "asset.tar"
    subprocess.run(["tar", "-cf", str(tar), "-C", str(tmp_path / "made"), "."], check=True)
    digest = subprocess.run(["sha256sum", str(tar)], capture_output=True, text=True, check=True)
    (step,) = (one for one in load(FOLDER / "upgrade.json")["mainSteps"] if one["name"] == "Apply")
    text = "\n".join(step["inputs"]["runCommand"])
    text = text.replace("{{ BundleSha256 }}", digest.stdout.split()[0])
    text = re.sub(r"^python3 .*$", "pwd", text, flags=re.M)
    text = text.replace("/opt/", f"{tmp_path}/opt/").replace("/var/tmp/", f"{tmp_path}/var/tmp/")
    wrong = text.replace(digest.stdout.split()[0], "0" * 64)
    assert subprocess.run(["sh"], input=wrong, text=True, capture_output=True).returncode != 0
    assert not (tmp_path / "opt").exists()
    done = subprocess.run(["sh"], input=text, text=True, capture_output=True, check=True)
    release = tmp_path / "opt/hintferry/releases/hintferry-node-0123456789ab"
    assert done.stdout.splitlines()[-1] == str(release)
    assert (release / "node").is_dir()
    assert not spool.exists()
