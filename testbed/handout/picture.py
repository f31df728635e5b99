"""A drill's story as a picture: an SVG whose colours are the page's own, and which is as wide as there is room.

Across, places are per cent of the width and sizes are pixels, so text keeps its size on a phone. A lane a machine; below, how
many servers ran, and how long a client had no success. The numbers on the lanes are those of the table of events.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from markupsafe import Markup

from testbed import failover
from testbed.failover import Fault
from testbed.timeline import Event, Story

LEFT, RIGHT = 22.0, 96.0
TOP, LANE, SERVERS, OUTAGE, AXIS = 20, 25, 42, 24, 20
# So much of the axis, at the most, is for what came before the fault; what came still earlier stands at its beginning.
BEFORE_SHARE = 0.12
BEYOND = 1.06
TICKS = 6
STEPS = (0.5, 1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600)
# Numbers on a lane that would touch on a phone share a mark: the width of a character and of what is around it, in per cent.
CHARACTER, AROUND = 1.9, 4.2
DASH = "\N{EN DASH}"


@dataclass(frozen=True)
class Axis:
    """The seconds that a picture shows; all pictures of one fault have the same, so that they can be compared."""

    begin: float
    end: float

    def at(self, seconds: float) -> float:
        """The place of a moment, in per cent of the width."""
        within = min(max(seconds, self.begin), self.end)
        return round(LEFT + (RIGHT - LEFT) * (within - self.begin) / (self.end - self.begin), 2)

    def ticks(self) -> Iterator[float]:
        step = next((step for step in STEPS if self.end / step <= TICKS), self.end)
        return (number * step for number in range(int(self.end / step) + 1))


@dataclass
class Mark:
    """Events on one lane that are too close for a mark each, by their numbers."""

    events: list[Event]
    numbers: list[int]

    @property
    def label(self) -> str:
        first, last = self.numbers[0], self.numbers[-1]
        if len(self.numbers) < 3:
            return ",".join(map(str, self.numbers))
        return f"{first}{DASH if last - first == len(self.numbers) - 1 else '…'}{last}"


def numbered(story: Story) -> list[tuple[int, Event]]:
    """The events in the order of time, with the numbers that picture and table have for them."""
    return list(enumerate(sorted(story.events, key=lambda event: event.seconds), start=1))


def axis(fault: Fault) -> Axis:
    """From shortly before the fault to the last that is told of it."""
    moments = [0.0]
    for story in fault.stories:
        moments += [event.seconds for event in story.events] + [seconds for seconds, _ in story.servers] + [story.outage or 0]
    # A little beyond, so that the last state can be seen.
    end = BEYOND * max([1.0, *moments])
    return Axis(begin=-BEFORE_SHARE * end, end=end)


def lanes(story: Story, machines: Iterable[str]) -> list[str]:
    """The machines that have a part in the story: in boot order as far as they are known, then others by name."""
    named = {event.machine for event in story.events}
    known = [machine for machine in machines if machine in named]
    return known + sorted(named - set(known))


def draw(story: Story, scale: Axis, machines: Iterable[str], anchor: str) -> Markup:
    """The picture; `anchor` tells its ids from those of the page's other pictures."""
    rows = lanes(story, machines)
    servers = TOP + LANE * len(rows)
    outage = servers + SERVERS
    bottom = outage + OUTAGE
    parts = [
        *_title(story, anchor),
        *_axis(scale, bottom),
        *(part for row, machine in enumerate(rows) for part in _lane(story, machine, TOP + LANE * row, scale)),
        *_servers(story, servers, scale),
        *_outage(story, outage, scale),
    ]
    opening = '<svg class="picture" role="img" aria-labelledby="{}-title {}-desc" width="100%" height="{}">'
    return Markup(opening).format(anchor, anchor, bottom + AXIS) + Markup("\n").join(parts) + Markup("</svg>")


def described(story: Story) -> str:
    """The picture in words."""
    counts = ", ".join(f"{count} from {signed(seconds)} s on" for seconds, count in story.servers)
    return (
        f"A client that looks the address up in etcd succeeds again: {failover.outage(story)}. "
        f"Servers that ran: {counts or 'none seen'}. After healing: {story.after}. The events are in the table below."
    )


def signed(seconds: float) -> str:
    """A moment, with a sign that is as wide as the other."""
    return f"{seconds:+.1f}".replace("-", "\N{MINUS SIGN}")


def _title(story: Story, anchor: str) -> Iterator[Markup]:
    yield Markup('<title id="{}-title">{} under {}: what happened, second by second</title>').format(
        anchor, story.fault.capitalize(), story.keeper
    )
    yield Markup('<desc id="{}-desc">{}</desc>').format(anchor, described(story))


def _axis(scale: Axis, bottom: int) -> Iterator[Markup]:
    for tick in scale.ticks():
        yield _line("tick" if tick else "fault-line", scale.at(tick), scale.at(tick), TOP - 4, bottom)
        yield _text("scale", scale.at(tick), bottom + 14, f"{tick:g}{' s' if not tick else ''}", "middle")
    yield _text("fault-word", scale.at(0), TOP - 8, "fault", "middle")


def _lane(story: Story, machine: str, top: int, scale: Axis) -> Iterator[Markup]:
    middle = top + LANE / 2
    yield _text("label", 0, middle + 4, machine or "the cluster")
    yield _line("lane", LEFT, RIGHT, middle, middle)
    for mark in marks(story, machine, scale):
        at, width = scale.at(mark.events[0].seconds), 11 + 6 * len(mark.label)
        kind = "event struck" if any(abs(event.seconds) < 0.05 for event in mark.events) else "event"
        hint = "; ".join(f"{signed(event.seconds)} s: {event.what}" for event in mark.events)
        yield Markup('<g class="{}"><title>{}</title>').format(kind, hint)
        for event in mark.events:
            yield _line("moment", scale.at(event.seconds), scale.at(event.seconds), middle - 10, middle + 10)
        # It grows to the right from its first event, where it was seen to have room.
        yield Markup('<g transform="translate({} 0)">').format((width - 17) / 2)
        yield Markup('<rect x="{}%" y="{}" width="{}" height="16" rx="8" transform="translate({} 0)"/>').format(
            at, middle - 8, width, -width / 2
        )
        yield _text("number", at, middle + 4, mark.label, "middle") + Markup("</g></g>")


def marks(story: Story, machine: str, scale: Axis) -> list[Mark]:
    """The marks on a machine's lane, from left to right, none on top of another."""
    found: list[Mark] = []
    for number, event in numbered(story):
        if event.machine != machine:
            continue
        if found and scale.at(event.seconds) - scale.at(found[-1].events[0].seconds) < AROUND + CHARACTER * len(found[-1].label):
            found[-1].events.append(event)
            found[-1].numbers.append(number)
        else:
            found.append(Mark([event], [number]))
    return found


def _servers(story: Story, top: int, scale: Axis) -> Iterator[Markup]:
    base, most = top + SERVERS - 6, failover.most_servers(story)
    unit = (SERVERS - 20) / max(most, 2)
    yield _text("label", 0, base - 6, "servers")
    yield _line("lane", LEFT, RIGHT, base, base)
    until = [seconds for seconds, _ in story.servers[1:]] + [scale.end]
    for (since, count), end in zip(story.servers, until, strict=False):
        at, width = scale.at(since), round(scale.at(end) - scale.at(since), 2)
        if not width:
            continue
        kind = "one" if count == 1 else "many" if count else "none"
        height = max(unit * count, 1.5)
        yield Markup('<rect class="{}" x="{}%" y="{:.1f}" width="{}%" height="{:.1f}"/>').format(
            kind, at, base - height, width, height
        )
        if width > 3 or (count == most and count > 1):
            yield _text(f"amount {kind}", at + width / 2, round(base - height - 3, 1), str(count), "middle")


def _outage(story: Story, top: int, scale: Axis) -> Iterator[Markup]:
    at, end = scale.at(0), scale.end if story.outage is None else story.outage
    width = scale.at(end) - at
    words = f"{failover.outage(story)}{' →' if story.outage is None else ''}"
    yield _text("label", 0, top + 15, "no answer")
    yield Markup('<rect class="outage" x="{}%" y="{}" width="{:.2f}%" height="16" rx="2"/>').format(at, top + 3, max(width, 0.4))
    if width > 45:
        yield _text("inside", at + 1, top + 15, words)
    elif at + width < 72:
        yield _text("took", at + width + 1.5, top + 15, words)
    else:
        yield _text("took", at - 1, top + 15, words, "end")


def _text(kind: str, across: float, down: float, words: str, anchor: str = "start") -> Markup:
    return Markup('<text class="{}" x="{:.2f}%" y="{}" text-anchor="{}">{}</text>').format(kind, across, down, anchor, words)


def _line(kind: str, left: float, right: float, top: float, bottom: float) -> Markup:
    return Markup('<line class="{}" x1="{}%" x2="{}%" y1="{}" y2="{}"/>').format(kind, left, right, top, bottom)
