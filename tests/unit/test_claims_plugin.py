"""The plugin that binds tests to the register, tried on small suites with small registers of their own."""

from collections.abc import Callable
from xml.etree import ElementTree

import pytest

Suite = Callable[..., pytest.RunResult]

LEADER = """
@claim("etcd.leader")
def test_leader_is_gone(): pass

@as_written("etcd.leader", fails_with="404")
def test_leader(): assert False, "the answer was 404"
"""
MISTAKEN_ETCD = """
def test_bare(): pass

@claim("etcd.gett")
def test_typo(): pass

@as_written("etcd.get", fails_with="x")
def test_holds(): pass

@claim("etcd.nice")
def test_opinion(): pass

@claim("etcd.port")
def test_port(): pass

@as_written("etcd.leader", fails_with="")
def test_leader(): pass
"""
MISTAKEN_WEB = """
@claim
def test_no_id(): pass

@claim("web.page")
@as_written("etcd.vote", fails_with="x")
def test_two(): pass

@claim("etcd.vote")
def test_vote(): pass
"""


def errors(result: pytest.RunResult) -> list[str]:
    """Returns the lines of the usage error, which the run must have ended with."""
    assert result.ret == pytest.ExitCode.USAGE_ERROR, result.stdout.str()
    text = result.stderr.str().partition("ERROR: ")[2]
    return [line for line in text.splitlines() if line]


def test_a_claim_and_the_text_taken_literally_are_reported(suite: Suite, workers: tuple[str, ...]) -> None:
    result = suite(*workers, "-rx", etcd=LEADER)
    result.assert_outcomes(passed=1, xfailed=1)
    result.stdout.fnmatch_lines(["XFAIL tests/cluster/test_etcd.py::test_leader - It is gone.*"])


def test_every_mistake_is_told_at_once(suite: Suite, workers: tuple[str, ...]) -> None:
    result = suite(*workers, etcd=MISTAKEN_ETCD, web=MISTAKEN_WEB)
    module = "tests/cluster/test_etcd.py"
    assert errors(result) == [
        f"{module}::test_bare: proves no claim; mark it with @claim or @as_written",
        f"{module}::test_typo: unknown claim 'etcd.gett'; did you mean 'etcd.get'?",
        f"{module}::test_holds: as_written of etcd.get, which the register says holds",
        f"{module}::test_opinion: the register calls etcd.nice untestable: a judgement",
        f"{module}::test_leader: as_written of etcd.leader says no fails_with",
        "tests/cluster/test_web.py::test_no_id: unknown claim ''",
        "tests/cluster/test_web.py::test_two: @as_written takes no second mark beside it",
        "etcd.port: is changed, so it needs a test marked as_written too",
        "etcd.leader: is wrong, so it needs a test marked claim too",
    ]


def test_a_mistake_in_the_register_is_told(suite: Suite, workers: tuple[str, ...], pytester: pytest.Pytester) -> None:
    web = pytester.path / "claims" / "06-web.yaml"
    web.write_text(web.read_text().replace("[fleet]", "[flet]"))
    assert errors(suite(*workers, etcd=LEADER)) == [
        "claims/06-web.yaml:5: web.unit: needs: 'flet' is unknown; did you mean 'fleet'?"
    ]


@pytest.mark.parametrize("args", [("tests/cluster/test_etcd.py::test_leader",), ("-k", "test_leader_is_gone")])
def test_half_a_pair_is_no_mistake_where_tests_were_picked(suite: Suite, args: tuple[str, ...]) -> None:
    assert suite(*args, etcd=LEADER).ret == pytest.ExitCode.OK


def test_half_a_pair_is_a_mistake_though_marks_deselect(suite: Suite) -> None:
    assert len(errors(suite("-m", "not claim", etcd=LEADER.partition("@as_written")[0]))) == 1


def test_a_module_that_fails_to_import_makes_no_half_pairs(suite: Suite) -> None:
    claimed, mark, literal = LEADER.partition("@as_written")
    result = suite(etcd=claimed, etcd_more="import nonesuch\n" + mark + literal)
    assert result.ret == pytest.ExitCode.INTERRUPTED


def test_what_holds_here_needs_no_literal_test(suite: Suite) -> None:
    suite(etcd='@claim("etcd.here")\ndef test_here(): pass').assert_outcomes(passed=1)


def test_tests_elsewhere_need_no_claim_and_no_register(suite: Suite, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_unit="def test_sum(): assert 1 + 1 == 2")
    suite("--register", "nowhere").assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (
            "assert False, 'the answer was 500'",
            "*etcd.leader as written: expected an assertion that fails with '404', *",
        ),
        ("pytest.xfail('404')", "*etcd.leader as written: expected an assertion that fails with '404', *"),
        ("pass", "*XPASS(strict)*It is gone.*"),
        ("raise OSError('404')", "*OSError: 404*"),
    ],
)
def test_the_text_taken_literally_must_fail_as_foretold(suite: Suite, body: str, told: str) -> None:
    result = suite(etcd=LEADER.replace('assert False, "the answer was 404"', body))
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines([told])


def test_a_failure_for_another_reason_is_told_by_a_worker_too(suite: Suite) -> None:
    result = suite("-n", "1", etcd=LEADER.replace("was 404", "was 500"))
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*the message was: the answer was 500*"])


def test_a_failure_before_the_test_is_no_proof(suite: Suite) -> None:
    fixture = "\n@pytest.fixture\ndef core_01(): assert False, '404'\n"
    result = suite(etcd=fixture + LEADER.replace("test_leader()", "test_leader(core_01)"))
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*it failed in its setup, so the text was not put to the test*"])


def test_what_the_testbed_lacks_is_not_checked(suite: Suite) -> None:
    result = suite("-rs", web='@claim("web.unit")\ndef test_unit(): assert False')
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["SKIPPED * not checked here: needs fleet (*)"])


def test_the_testbed_says_what_it_has(suite: Suite, pytester: pytest.Pytester) -> None:
    pytester.makeconftest(
        'from fixtures.claims import CAPABILITIES\npytest_plugins = ["fixtures.claims"]\n'
        'def pytest_configure(config): config.stash[CAPABILITIES] = frozenset({"fleet"})'
    )
    result = suite(web='@claim("web.unit")\ndef test_unit(): pass\n@claim("web.page")\ndef test_page(): pass')
    result.assert_outcomes(passed=1, skipped=1)


def test_the_literal_form_runs_though_it_needs_more(suite: Suite) -> None:
    suite(etcd=LEADER.replace("etcd.leader", "etcd.vote")).assert_outcomes(passed=1, xfailed=1)


def test_junit_tells_claim_and_form(suite: Suite, workers: tuple[str, ...], pytester: pytest.Pytester) -> None:
    suite(*workers, "--junitxml=junit.xml", etcd=LEADER, web='@claim("web.unit")\ndef test_unit(): pass')
    cases = ElementTree.parse(pytester.path / "junit.xml").iter("testcase")
    properties = {case.get("name"): [(p.get("name"), p.get("value")) for p in case.iter("property")] for case in cases}
    assert properties == {
        "test_leader_is_gone": [("claim", "etcd.leader"), ("form", "claim")],
        "test_leader": [("claim", "etcd.leader"), ("form", "as_written")],
        "test_unit": [("claim", "web.unit"), ("form", "claim")],
    }


def test_tests_run_in_the_order_of_the_chapters_and_those_that_want_the_quorum_last(suite: Suite) -> None:
    page = '@claim("web.page")\ndef test_page(): pass\n'
    quorum = "@pytest.fixture\ndef quorum(): pass\n" + LEADER.replace("():", "(quorum):")
    result = suite("--collect-only", "-q", a_etcd="import pytest\n" + quorum, b_web=page, c_web=page)
    result.stdout.re_match_lines([r".*b_web", r".*c_web", r".*a_etcd.*gone", r".*a_etcd.*leader$"], consecutive=True)
