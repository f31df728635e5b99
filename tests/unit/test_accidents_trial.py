"""The judgement of a trial with an accident."""

import pytest

from tests.accidents.accidents import ACCIDENTS, SAYS
from tests.accidents.plugin import table
from tests.accidents.trial import LEFT, Trial, verdict


@pytest.mark.parametrize(
    ("said", "told", "shown", "named", "word"),
    [
        ("", False, False, False, "holds"),
        ("", False, False, True, "holds, named"),
        ("core-01: expected a page", False, False, False, "misleads"),
        ("core-01: expected a page", False, False, True, "guard says"),
        ("core-01: expected a page", False, True, True, "shows it"),
        ("core-01: No space left on device", True, True, True, "says so"),
    ],
)
def test_the_nearest_place_that_tells_counts(said: str, told: bool, shown: bool, named: bool, word: str) -> None:
    assert verdict(said, told=told, shown=shown, named=named) == word


def test_each_accident_can_be_told() -> None:
    assert ACCIDENTS.keys() == SAYS.keys() == LEFT.keys()


def test_the_table_has_a_column_an_accident_that_was_tried() -> None:
    trials = [Trial("web.browse", "disk", "says so", "", "", ""), Trial("web.browse", "image", "misleads", "", "", "")]
    assert table(trials) == ["| claim | image | disk |", "| --- | --- | --- |", "| web.browse | misleads | says so |"]
