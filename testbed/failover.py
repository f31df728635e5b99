"""The drills' stories held against one another, fault by fault, in the words that every form of the report uses."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from testbed.timeline import FAULTS, RESTART_POLICY, Story

NEVER = "not before it was healed"


@dataclass(frozen=True)
class Fault:
    """One fault and what became of the service under each keeper: docker's restart policy first, then the managers."""

    fault: str
    stories: tuple[Story, ...]


def compare(stories: Iterable[Story]) -> list[Fault]:
    """The stories by fault, in the order of FAULTS; faults that are not among them come last, as they were told."""
    of_fault: dict[str, list[Story]] = {fault: [] for fault in FAULTS}
    for story in stories:
        of_fault.setdefault(story.fault, []).append(story)
    return [
        Fault(fault, tuple(sorted(told, key=lambda story: story.keeper != RESTART_POLICY)))
        for fault, told in of_fault.items()
        if told
    ]


def most_servers(story: Story) -> int:
    """How many servers ran at one time, at the most."""
    return max((count for _, count in story.servers), default=0)


def outage(story: Story) -> str:
    """How long a client had no success, in words."""
    return NEVER if story.outage is None else f"{story.outage:.1f} s"


def writes(story: Story) -> str:
    """What became of the writes that were acknowledged before the fault, in words."""
    return f"{story.readable} of {story.acknowledged}" if story.acknowledged else "none made"


def lost_writes(story: Story) -> bool:
    return story.readable < story.acknowledged


def lines(stories: Iterable[Story]) -> Iterator[str]:
    """A line a fault: `machine killed: docker's restart policy 31.4 s, swarm 9.2 s`."""
    for fault in compare(stories):
        yield f"{fault.fault}: {', '.join(_short(story) for story in fault.stories)}"


def as_json(stories: Iterable[Story]) -> list[dict[str, Any]]:
    """What summary.json has of the stories."""
    return [
        {
            "fault": story.fault,
            "keeper": story.keeper,
            "outage_seconds": story.outage,
            "most_servers": most_servers(story),
            "acknowledged": story.acknowledged,
            "readable": story.readable,
            "after": story.after,
        }
        for fault in compare(stories)
        for story in fault.stories
    ]


def _short(story: Story) -> str:
    before = [count for seconds, count in story.servers if seconds <= 0]
    together = f" ({most_servers(story)} servers at one time)" if most_servers(story) > max(before, default=1) else ""
    return f"{story.keeper} {outage(story)}{together}"
