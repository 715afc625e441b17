"""Whatever goes wrong, the command answers with a sentence; the trace is for --debug."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from hintferry_cli import app
from hintferry_cli.cost import command
from tests.cli.test_schema_command import HEAD


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "migration.toml"
    path.write_text(HEAD + '[tables."shop.orders"]\n')
    return path


def broken(error: Exception, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(command, "_costs", fail)
    monkeypatch.setattr(sys, "argv", ["hintferry", *arguments])
    app.main()


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (
            PermissionError(13, "Permission denied", "page.html"),
            "page.html: Permission denied; mend that, then run it again",
        ),
        (TypeError("no len()"), "a defect of Hintferry's own (TypeError: no len()); run it again"),
    ],
)
def test_what_nobody_foresaw_is_told_in_a_sentence(
    error: Exception,
    says: str,
    config: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as ended:
        broken(error, monkeypatch, "cost", "--config", str(config))
    told = capsys.readouterr()
    assert (ended.value.code, told.out) == (1, "")
    (line,) = told.err.splitlines()
    assert line.startswith(f"hintferry: {says}")
    with pytest.raises(type(error)):
        broken(error, monkeypatch, "--debug", "cost", "--config", str(config))
