"""The stages of `./cododemo test` that need no machine."""

import pytest

from testbed import stages


def test_shell_scripts_are_found_by_their_first_line() -> None:
    scripts = [str(script) for script in stages.shell_scripts()]
    assert "cododemo" in scripts
    assert ".ci/run" in scripts
    assert not [script for script in scripts if script.endswith(".py")]


def test_stages_without_their_program_are_left_out(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("testbed.stages.shutil.which", lambda _: None)
    assert list(stages.stages()) == ["ruff check", "ruff format", "mypy", "actionlint", "unit tests", "the handout in a browser"]
    assert "shfmt: left out" in capsys.readouterr().err


def test_first_failing_stage_ends_the_run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(stages, "stages", lambda: {"good": ["true"], "bad": ["sh", "-c", "exit 4"], "never": ["false"]})
    assert stages.run() == 4
    told = capsys.readouterr().err
    assert "== bad: failed with 4 in" in told
    assert "never" not in told
