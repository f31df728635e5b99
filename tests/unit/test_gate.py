"""The gate's options: what a run must have, and what changed since another."""

import json
from pathlib import Path
from typing import Any

import pytest

from testbed import paths
from testbed.errors import TestbedError
from testbed.summary import SCHEMA, compare, read
from tests.unit.conftest import Suite

TWO = '@claim("etcd.get")\ndef test_get(): pass\n@claim("etcd.here")\ndef test_here(): assert 0, "core-01: nothing"\n'


@pytest.fixture
def gated(suite: Suite, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Suite:
    """As `suite`, with the recorder and the gate."""
    monkeypatch.setattr(paths, "REPORT", pytester.path / "report")
    monkeypatch.setattr(paths, "STATE", pytester.path / "state")
    pytester.makeconftest('pytest_plugins = ["fixtures.claims", "fixtures.report", "fixtures.gate"]')
    return suite


def summary(**verdicts: str) -> dict[str, Any]:
    claims = {f"etcd.{name}": {"verdict": verdict.replace("_", " "), "reason": ""} for name, verdict in verdicts.items()}
    return {"schema": SCHEMA, "claims": claims}


@pytest.mark.parametrize(
    ("required", "told"),
    [
        ("cluster,fleet", "*--require fleet: this testbed lacks it; it has boot2docker, *"),
        ("flet", "*--require flet: unknown; did you mean 'fleet'?"),
    ],
)
def test_what_is_required_and_lacking_ends_the_run(gated: Suite, required: str, told: str) -> None:
    ran = gated("--require", required, etcd=TWO)
    assert ran.ret == pytest.ExitCode.USAGE_ERROR
    ran.stderr.fnmatch_lines([told])


def test_what_is_required_and_there_is_no_matter(gated: Suite, workers: tuple[str, ...]) -> None:
    gated(*workers, "--require", "cluster, docker", etcd=TWO).assert_outcomes(passed=1, failed=1)


def test_run_is_compared_with_another(gated: Suite, pytester: pytest.Pytester) -> None:
    before = summary(get="does_not_hold", here="holds", leader="not_run", port="not_run", vote="not_run", nice="untestable")
    file = pytester.path / "before.json"
    file.write_text(json.dumps(before))
    ran = gated("--baseline", file, etcd=TWO)
    ran.stdout.fnmatch_lines(
        [
            "no longer fine:",
            "  etcd.here: was holds, is does not hold: core-01: nothing",
            "fine now:",
            "  etcd.get: was does not hold, is holds",
            "new:",
            "  web.unit: not run",
        ]
    )


def test_nothing_changed_is_said() -> None:
    assert compare(summary(get="holds"), summary(get="holds")).lines() == ["every claim's verdict is as it was"]


def test_a_claim_that_is_gone_is_said() -> None:
    assert compare(summary(old="holds"), summary()).other == ["etcd.old: is no longer in the register"]


@pytest.mark.parametrize(
    ("text", "why"), [("", "no summary.json"), ("[]", "no summary.json"), ('{"schema": 99}', "its schema is 99")]
)
def test_what_is_no_summary_is_told(tmp_path: Path, text: str, why: str) -> None:
    file = tmp_path / "summary.json"
    file.write_text(text)
    with pytest.raises(TestbedError, match=why):
        read(file)


def test_baseline_that_is_not_there_ends_the_run(gated: Suite) -> None:
    ran = gated("--baseline", "nowhere.json", etcd=TWO)
    assert ran.ret == pytest.ExitCode.USAGE_ERROR
    ran.stderr.fnmatch_lines(["*--baseline nowhere.json: no summary.json of a run*"])
