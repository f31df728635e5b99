"""The recorder and what is made of its records, tried on small suites: every form of the report must tell the same story."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from testbed import paths, report, results, timeline
from testbed.findings import find
from testbed.register import load
from testbed.results import Command, TestRecord
from testbed.secrets import LEFT_OUT
from testbed.summary import as_json, as_markdown
from tests import stories
from tests.unit.conftest import Suite

PASSES = '@claim("web.page")\ndef test_page(): pass\n'
ERRATUM = """
@claim("etcd.leader")
def test_truth(): pass

@as_written("etcd.leader", fails_with="404")
def test_text(): assert False, "core-01: expected a name, but saw: 404"
"""
FAILS = '@claim("etcd.get")\ndef test_get(): assert 0, "core-02: expected the key, but saw: nothing"\n'
ERRS = '@pytest.fixture\ndef broken(): raise OSError("no machine")\n@claim("web.page")\ndef test_page(broken): pass\n'
LACKS = '@claim("web.unit")\ndef test_unit(): pass\n'
CRASHES = 'import os\n@claim("etcd.get")\ndef test_get(): os._exit(1)\n'
KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\\nsecret\\n-----END OPENSSH PRIVATE KEY-----"
SHOWS_A_KEY = f'@claim("etcd.get")\ndef test_get():\n    print("{KEY}")\n    assert 0, "core-02: saw {KEY}"\n'
UNSTABLE = 'seen = []\n@claim("etcd.get")\ndef test_get():\n    seen.append(1)\n    assert len(seen) > 1\n'


# A worker is a process of its own, where nothing is patched.
TELLS = """
from pathlib import Path
from testbed import paths, timeline
from tests import stories

@claim("web.page")
def test_page():
    paths.STATE = Path("state").resolve()
    timeline.tell(stories.MOVED)
"""


@pytest.fixture
def recorded(suite: Suite, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Suite:
    """As `suite`, with the recorder; its report lies in the suite's own folder."""
    monkeypatch.setattr(paths, "REPORT", pytester.path / "report")
    monkeypatch.setattr(paths, "STATE", pytester.path / "state")
    pytester.makeconftest('pytest_plugins = ["fixtures.claims", "fixtures.report"]')
    return suite


def summary() -> dict[str, Any]:
    told: dict[str, Any] = json.loads(report.path(report.SUMMARY).read_text())
    return told


def verdicts() -> dict[str, str]:
    return {claim_id: claim["verdict"] for claim_id, claim in summary()["claims"].items() if claim["tests"]}


def test_all_forms_tell_the_same_story(recorded: Suite, workers: tuple[str, ...]) -> None:
    ran = recorded(*workers, etcd=ERRATUM + FAILS, web=ERRS + LACKS)
    found = {
        "etcd.get": "does not hold",
        "etcd.leader": "erratum",
        "web.unit": "not checked here",
        "web.page": "could not be checked",
    }
    assert verdicts() == found
    assert (summary()["exit_code"], summary()["complete"], ran.ret) == (1, True, 1)
    assert summary()["claims"]["etcd.get"]["reason"] == "core-02: expected the key, but saw: nothing"
    assert summary()["claims"]["web.unit"]["reason"].startswith("not checked here: needs fleet (")
    ran.stdout.fnmatch_lines(
        ["etcd by hand * s  ✎ 1 erratum, ✗ 1 does not hold,*", "✎ etcd.leader (blog 2)", "*in truth: It is gone."]
    )
    ran.stdout.fnmatch_lines(
        ["✗ etcd.get: does not hold: c", "  core-02: expected the key, but saw: nothing", "handout: report/handout.html"]
    )
    text = report.path(report.MARKDOWN).read_text()
    assert "✎ 1 erratum, ✗ 1 does not hold, ? 1 could not be checked, ⊘ 1 not checked here, ○ 3 not run" in text
    page = report.path(report.HANDOUT).read_text()
    assert page.index("core-02: expected the key, but saw:") < page.index("The text says") < page.index("etcd by hand")


def test_text_that_no_longer_fails_is_no_erratum(recorded: Suite) -> None:
    recorded(etcd=ERRATUM.replace("assert False", "assert True"))
    assert verdicts() == {"etcd.leader": "does not hold"}
    assert "XPASS" in summary()["claims"]["etcd.leader"]["reason"]


def test_key_is_shown_nowhere(recorded: Suite, workers: tuple[str, ...], pytester: pytest.Pytester) -> None:
    shown = recorded(*workers, "--tb=line", "--junitxml=junit.xml", etcd=SHOWS_A_KEY).stdout.str()
    written = (pytester.path / "junit.xml").read_text() + report.path(report.RESULTS).read_text()
    assert LEFT_OUT in shown
    assert "\nsecret" not in shown + written
    assert "\\nsecret" not in written


def test_crashed_worker_is_seen(recorded: Suite) -> None:
    ran = recorded("-n", "1", etcd=CRASHES, web=PASSES)
    assert verdicts() == {"etcd.get": "could not be checked", "web.page": "holds"}
    ran.stdout.fnmatch_lines(["*the worker that ran this test crashed: worker 'gw0' crashed*"])


def test_what_passed_only_when_run_again_is_flaky(recorded: Suite) -> None:
    ran = recorded("--reruns", "1", etcd=UNSTABLE)
    assert (verdicts(), ran.ret) == ({"etcd.get": "flaky"}, 0)


def test_remaining_time_is_that_of_the_last_run(recorded: Suite, pytester: pytest.Pytester) -> None:
    last = "tests/cluster/test_web.py::test_page"
    (pytester.path / "state").mkdir()
    (pytester.path / "state" / "last-run.json").write_text(json.dumps({last: 40}))
    recorded(etcd=FAILS, web=PASSES).stdout.fnmatch_lines(["etcd by hand *about 40 s to go]"])
    assert json.loads((pytester.path / "state" / "last-run.json").read_text())[last] < 40


def test_killed_run_is_marked_incomplete(recorded: Suite, tmp_path: Path, pytester: pytest.Pytester) -> None:
    recorded(etcd=ERRATUM, web=PASSES)
    *whole, _, _ = report.path(report.RESULTS).read_text().splitlines()
    cut = tmp_path / "cut.jsonl"
    cut.write_text("\n".join([*whole, '{"kind": "test", "test": "tests/clus']))
    found = find(load(pytester.path / "claims"), results.read(cut))
    assert as_json(found)["complete"] is False
    assert "killed" in as_markdown(found)
    assert "It ran 2 of 3 tests" in as_markdown(found)


def test_stories_of_this_run_are_taken_up_and_those_before_forgotten(recorded: Suite, workers: tuple[str, ...]) -> None:
    timeline.tell(stories.LOST)
    ran = recorded(*workers, etcd=PASSES.replace("web.page", "etcd.get"), web=TELLS)
    assert report.read().stories == (stories.MOVED,)
    assert [entry["fault"] for entry in summary()["failover"]] == ["machine killed"]
    ran.stdout.fnmatch_lines(["when something fails, until a client succeeds again:", "machine killed: swarm 9.2 s"])
    assert "- machine killed: swarm 9.2 s" in report.path(report.MARKDOWN).read_text()
    assert report.path(report.HANDOUT).read_text().count("<figure") == 1


def test_killed_run_keeps_the_stories_told_so_far(recorded: Suite, tmp_path: Path) -> None:
    recorded(web=TELLS)
    *whole, last, _ = report.path(report.RESULTS).read_text().splitlines()
    assert json.loads(last)["kind"] == "test"
    cut = tmp_path / "cut.jsonl"
    cut.write_text("\n".join([*whole, last[:40]]))
    killed = results.read(cut)
    assert (killed.complete, killed.stories) == (False, (stories.MOVED,))


def test_story_told_again_takes_the_place_of_the_first(tmp_path: Path) -> None:
    writer = results.Writer(tmp_path / "results.jsonl", {})
    writer.story(stories.MOVED)
    again = replace(stories.MOVED, outage=None, after="docker swarm join --token SWMTKN-1-49nj1cmql0-8vxv8")
    written = writer.story(again)
    assert results.read(writer.file).stories == (written,)
    assert written.outage is None
    assert "49nj1cmql0" not in writer.file.read_text()


def test_shared_commands_are_written_once_and_without_secrets(tmp_path: Path) -> None:
    key = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNz\n-----END OPENSSH PRIVATE KEY-----"
    command = Command(0, "core-01", "cat key", 0, key, "docker swarm join --token SWMTKN-1-49nj1cmql0-8vxv8", 0.1, "drill")
    writer = results.Writer(tmp_path / "results.jsonl", {})
    for name in ("one", "two"):
        writer.test(TestRecord(name, ("etcd.get",), "claim", "failed", 1.0, said=key, commands=(command,)))
    text = writer.file.read_text()
    assert text.count('"kind": "command"') == 1
    assert "b3BlbnNz" not in text
    assert "49nj1cmql0" not in text
    one, two = results.read(writer.file).tests
    assert one.commands == two.commands
    assert one.said == LEFT_OUT
