"""What Allure's results say of a test: its place in the workshop, and that an erratum is one."""

import json
from typing import Any

import pytest

from testbed import allure_page
from testbed.errors import TestbedError
from tests.unit.conftest import Suite

LEADER = """
@claim("etcd.leader")
def test_truth(): pass

@as_written("etcd.leader", fails_with="404")
def test_text(): assert False, "404 -----BEGIN RSA PRIVATE KEY-----"
"""


@pytest.fixture
def allured(suite: Suite, pytester: pytest.Pytester, workers: tuple[str, ...]) -> dict[str, Any]:
    """The results of the suite's tests, by their names."""
    pytester.makeconftest('pytest_plugins = ["fixtures.claims", "fixtures.allure_labels"]')
    suite(*workers, "--alluredir=allure", etcd=LEADER).assert_outcomes(passed=1, xfailed=1)
    found = [json.loads(file.read_text()) for file in (pytester.path / "allure").glob("*-result.json")]
    return {result["name"]: result for result in found}


def test_results_are_in_the_workshops_terms(allured: dict[str, Any]) -> None:
    truth, text = allured["truth"], allured["Erratum, as written: text"]
    labels = {label["name"]: label["value"] for label in text["labels"]}
    assert (labels["epic"], labels["feature"], labels["story"]) == ("The blog", "01 etcd by hand", "c")
    assert labels["erratum"] == "shown"
    assert truth["status"] == text["status"] == "passed"
    assert "PRIVATE KEY" not in json.dumps(text["statusDetails"])


def test_page_that_is_not_known_is_refused() -> None:
    with pytest.raises(TestbedError, match="not the one that is known"):
        allure_page.mended('<meta charset="utf-8"><script src="https://elsewhere"></script>')
