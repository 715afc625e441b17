"""Set-up: steps are skipped while nothing changed, Python is chosen by what runs, jars by hash."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tools import interpreter, places, setup
from tools.interpreter import Interpreter
from tools.steps import SetupError, Step, run


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "STAMPS", tmp_path / "stamps")


def step(tmp_path: Path, also: str = "") -> tuple[Step, list[str]]:
    """A step from the file `in` to the file `out`, and the list of its runs."""
    runs: list[str] = []

    def action() -> None:
        (tmp_path / "out").touch()
        runs.append("ran")

    return Step("x", "X", [tmp_path / "in"], [tmp_path / "out"], action, also), runs


def test_a_step_runs_once_while_its_inputs_are_the_same(tmp_path: Path) -> None:
    (tmp_path / "in").write_text("1")
    one, runs = step(tmp_path)
    one.bring_up_to_date()
    one.bring_up_to_date()
    assert runs == ["ran"]


@pytest.mark.parametrize("change", ["input", "product", "also"])
def test_a_step_runs_again_when_something_changed(tmp_path: Path, change: str) -> None:
    (tmp_path / "in").write_text("1")
    step(tmp_path)[0].bring_up_to_date()
    if change == "input":
        (tmp_path / "in").write_text("2")
    if change == "product":
        (tmp_path / "out").unlink()
    again, runs = step(tmp_path, also="other" if change == "also" else "")
    again.bring_up_to_date()
    assert runs == ["ran"]


def test_a_failed_command_is_told_by_its_last_lines() -> None:
    with pytest.raises(SetupError, match=r"failed:\n  gone wrong$"):
        run([sys.executable, "-c", "import sys; sys.exit('gone wrong')"])


def fake_python(path: Path, answer: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{answer}\n")
    path.chmod(0o755)
    return path


def test_a_python_on_path_that_does_not_run_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As pyenv's shims do for a version that is not selected."""
    fake_python(tmp_path / "shims" / "python3.13", "exit 127")
    real = fake_python(tmp_path / "pyenv/versions/3.13.4/bin/python", "echo 3.13.4")
    monkeypatch.setenv("PATH", str(tmp_path / "shims"))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "pyenv"))
    assert interpreter.choose() == Interpreter(real, "3.13.4")


def test_without_a_3_13_the_running_python_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    assert interpreter.choose().path == Path(sys.executable)


def test_a_python_without_venv_gets_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(SetupError, match=r"has no venv and no ensurepip: install it"):
        interpreter.require_venv()


def test_the_lock_files_pin_every_jar_and_name_no_host() -> None:
    for lock in places.JAR_LISTS.glob("*.lock.toml"):
        text = lock.read_text()
        assert text.count("[[dependencies]]") == text.count("\nsha256 = ") > 0
        assert "://" not in text


def test_a_spoilt_jar_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The store has a jar of the right name and the wrong bytes, and no network to repair it."""
    from jgo.maven import PythonResolver

    from tools import jars

    def offline(self: PythonResolver, artifact: object) -> Path:
        raise RuntimeError("no network")

    monkeypatch.setattr(PythonResolver, "download", offline)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    jar = places.jar_store() / "org/eclipse/jdt/ecj/3.33.0/ecj-3.33.0.jar"
    jar.parent.mkdir(parents=True)
    jar.write_bytes(b"not a jar")
    with pytest.raises(jars.JarError, match=r"ecj.* could not be downloaded: no network"):
        jars.fetch("compiler")
    assert not jar.exists()


@pytest.fixture
def connector_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the list of the connector's jars, to be changed."""
    copy = tmp_path / "connector.toml"
    copy.write_text((places.JAR_LISTS / copy.name).read_text())
    monkeypatch.setattr(places, "JAR_LISTS", tmp_path)
    return copy


def test_another_debezium_is_one_line_and_is_locked(
    connector_list: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tools import jars

    before = connector_list.read_text().splitlines()
    locked: list[str] = []
    monkeypatch.setattr(jars, "lock", locked.append)
    jars.move("9.9.9.Final", "connector")
    after = connector_list.read_text().splitlines()
    (changed,) = (new for old, new in zip(before, after, strict=True) if old != new)
    assert changed.strip() == '"io.debezium:debezium-connector-cassandra-5:9.9.9.Final",'
    assert locked == ["connector"]


def test_a_debezium_that_cannot_be_had_changes_nothing(
    connector_list: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from jgo.maven import PythonResolver

    from tools import jars

    def not_found(self: PythonResolver, artifact: object) -> Path:
        raise RuntimeError("not found")

    monkeypatch.setattr(PythonResolver, "download", not_found)
    monkeypatch.setenv("XDG_CACHE_HOME", str(connector_list.parent / "empty"))
    before = connector_list.read_text()
    with pytest.raises(jars.JarError, match=r"connector could not be resolved: .*not found"):
        jars.move("9.9.9.Final", "connector")
    assert connector_list.read_text() == before


def test_deploying_needs_no_java_and_no_jars(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = setup.steps_to_deploy()
    assert [one.name for one in steps] == ["uv", "venv"]
    assert steps[1].inputs == [places.ROOT / "tools" / "deploy.txt"]
    # Who set everything up has that too, and keeps it.
    monkeypatch.setattr(Step, "done", lambda self: True)
    assert setup.steps_to_deploy()[1].inputs == [places.ROOT / "requirements.txt"]


def test_what_deploying_pins_is_what_is_tested() -> None:
    """The same releases with the same hashes."""
    tested, deployed = (
        # For which systems a package is needed depends on what else is on the list.
        {
            line.strip(" \\").partition(" ;")[0]
            for line in (places.ROOT / name).read_text().split("\n")
        }
        for name in ("requirements.txt", "tools/deploy.txt")
    )
    assert len(deployed) > 100
    assert deployed <= tested


@pytest.mark.slow
def test_what_deploying_imports_is_on_its_list() -> None:
    modules = "infra.app, tools.cdk, tools.wheels, hintferry_cli.app"
    code = f"""
import {modules}, sys
from importlib.metadata import packages_distributions
known = packages_distributions()
imported = {{module.partition(".")[0] for module in sys.modules}}
print(*{{name for one in imported for name in known.get(one, [])}})
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=places.ROOT,
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    lines = (places.ROOT / "tools" / "deploy.txt").read_text().splitlines()
    pinned = {line.partition("==")[0] for line in lines if "==" in line}
    imported = {re.sub("[-_.]+", "-", name).lower() for name in done.stdout.split()}
    assert "aws-cdk-lib" in imported
    assert imported <= pinned


def test_an_old_python_still_understands_the_first_file() -> None:
    """It must tell an old interpreter what is wrong, so it may use nothing new."""
    source = (places.ROOT / "tools" / "bootstrap.py").read_text()
    ast.parse(source, feature_version=(3, 6))
    checked, _, imported = source.partition("from tools.setup")
    assert "sys.version_info < (3, 11)" in checked
    assert imported
