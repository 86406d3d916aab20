import os
import subprocess
import sys
from pathlib import Path

import pytest

from analytics_project import env

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("value", "flag"), [("1", True), ("Yes", True), ("off", False), ("FALSE", False), ("", True), ("  ", True)]
)
def test_flag(monkeypatch: pytest.MonkeyPatch, value: str, flag: bool) -> None:
    monkeypatch.setenv("SOME_SETTING", value)
    assert env.flag("SOME_SETTING", default=True) is flag


def test_words_and_whole_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_SETTING", " 10.0.0.1 ,, 10.0.0.2,")
    assert env.words("SOME_SETTING") == ("10.0.0.1", "10.0.0.2")
    monkeypatch.setenv("SOME_SETTING", "42")
    assert env.integer("SOME_SETTING", 1) == 42


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DEBUG", "maybe"),
        ("SPOOL_MAX_MB", "lots"),
        ("SPOOL_MAX_MB", "0"),
        ("SPOOL_SYNC_MS", "-1"),
        ("DATABASE_URL", "foo"),
        ("DATABASE_URL", "mysql://root:secret@127.0.0.1/footfall"),
        ("LOG_LEVEL", "loud"),
        ("DATA_DIR", "/dev/null/footfall"),
        ("SPOOL_DIR", "/dev/null/spool"),
        ("EVENTS_URL", "sqlite:///events"),
        ("TRUSTED_PROXIES", "10.0.0.0/99"),
        ("EVENTS_CLUSTER", "main"),
    ],
)
def test_bad_setting_ends_in_one_sentence_that_names_it(tmp_path: Path, name: str, value: str) -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=REPOSITORY,
        env={"PATH": os.environ["PATH"], "DATA_DIR": str(tmp_path), name: value},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert name in done.stderr
    assert "Traceback" not in done.stderr
    assert "secret" not in done.stderr
