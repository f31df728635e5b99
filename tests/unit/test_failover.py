"""Drills' stories, made up, as summary, console, handout and README tell them."""

import re
from itertools import pairwise
from pathlib import Path

import pytest

from testbed import failover, failover_table, paths, results
from testbed.errors import TestbedError
from testbed.failover_table import BEGIN, END, markdown, placed
from testbed.handout import picture
from testbed.results import Run
from testbed.timeline import FAULTS, RESTART_POLICY, Story
from tests import stories

MACHINES = [f"core-0{number}" for number in range(1, 10)]
FACTS = {"started": 1416614400, "manager": "swarm", "nodes": 3}
RUN = Run(FACTS, (), {}, stories.ALL)


def drawn(story: Story) -> str:
    return picture.draw(story, picture.axis(failover.Fault(story.fault, (story,))), MACHINES, "p")


def test_faults_come_in_their_order_and_the_restart_policy_first() -> None:
    compared = failover.compare(stories.ALL)
    assert [fault.fault for fault in compared] == [*FAULTS, "disk full"]
    cut_off = [story.keeper for story in compared[FAULTS.index("machine cut off")].stories]
    assert cut_off == [RESTART_POLICY, "unit with --restart=always", "swarm"]


def test_line_a_fault() -> None:
    told = list(failover.lines(stories.ALL))
    assert told[3] == "machine killed: docker's restart policy not before it was healed, swarm 9.2 s"
    assert told[4].endswith("unit with --restart=always 12.4 s (2 servers at one time), swarm 13.2 s")


def test_summary_has_what_was_measured() -> None:
    lost = failover.as_json([stories.LOST])[0]
    assert lost == {
        "fault": "machine killed",
        "keeper": RESTART_POLICY,
        "outage_seconds": None,
        "most_servers": 1,
        "acknowledged": 10,
        "readable": 0,
        "after": "one server, on core-02",
    }


def test_two_servers_at_one_time_are_drawn_and_described() -> None:
    svg = drawn(stories.DISAGREE)
    assert svg.count('class="many"') == 1
    assert "Servers that ran: 1 from \N{MINUS SIGN}1.0 s on, 2 from +11.0 s on." in svg


def test_outage_without_end_is_drawn_to_the_end() -> None:
    svg = drawn(stories.LOST)
    at, width = map(float, re.search(r'class="outage" x="([\d.]+)%" y="\d+" width="([\d.]+)%"', svg).groups())  # type: ignore[union-attr]
    assert at + width == pytest.approx(picture.RIGHT, abs=0.1)
    assert "not before it was healed →" in svg


def test_nine_machines_have_a_lane_each_in_boot_order() -> None:
    svg = drawn(stories.NINE)
    assert re.findall(r">(core-0\d)</text>", svg) == MACHINES
    assert "&lt;here&gt;" in svg
    assert "<here>" not in svg


def test_marks_on_a_lane_do_not_touch_and_every_event_is_in_one() -> None:
    for story in stories.ALL:
        scale = picture.axis(failover.Fault(story.fault, (story,)))
        numbers: list[int] = []
        for machine in picture.lanes(story, MACHINES):
            marks = picture.marks(story, machine, scale)
            places = [scale.at(mark.events[0].seconds) for mark in marks]
            assert all(right - left >= picture.AROUND for left, right in pairwise(places))
            numbers += [number for mark in marks for number in mark.numbers]
        assert sorted(numbers) == [number for number, _ in picture.numbered(story)]


def test_markdown_names_the_run_and_has_a_row_a_story() -> None:
    table = markdown(RUN)
    assert "run of 22 November 2014 on 3 nodes and boot2docker, manager swarm." in table
    assert (
        "| machine killed | docker's restart policy | not before it was healed | 1 | 0 of 10 | one server, on core-02 |" in table
    )
    assert table.count("\n| ") == len(stories.ALL) + 2


def test_run_without_stories_has_no_table() -> None:
    with pytest.raises(TestbedError, match="no drill's story"):
        markdown(Run(FACTS, (), {}))


def test_table_is_written_between_its_markers_again_and_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "REPORT", tmp_path)
    writer = results.Writer(tmp_path / "results.jsonl", FACTS)
    writer.story(stories.MOVED)
    readme = tmp_path / "README.md"
    readme.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    for _ in range(2):
        assert failover_table.main(["--write", str(readme)]) == 0
    assert readme.read_text() == f"before\n{BEGIN}\n{markdown(results.read(writer.file))}\n{END}\nafter\n"


@pytest.mark.parametrize("text", ["", BEGIN, f"{END}\n{BEGIN}\n", f"{BEGIN}\n{END}\n{BEGIN}\n{END}\n"])
def test_missing_markers_are_named(text: str) -> None:
    with pytest.raises(TestbedError, match=r"README\.md: it needs these two lines, once each"):
        placed(text, "table", "README.md")


def test_readme_has_the_markers() -> None:
    assert placed((paths.ROOT / "README.md").read_text(), "the table", "README.md").count("the table") == 1
