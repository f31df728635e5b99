"""Scheduled work: a timer and its service, written as cron's entries would be."""

from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise

import pytest

from fixtures.claims import claim
from testbed.machine import Machine
from testbed.wait import settled

SERVICE = "/etc/systemd/system/stamp.service"
TIMER = "/etc/systemd/system/stamp.timer"
STAMPS = "/run/stamps"
WORK = f"[Service]\nType=oneshot\nExecStart=/bin/sh -c 'date +%%s >>{STAMPS}'\n"
# By default, systemd may be a minute late, so that work can be done together.
SCHEDULE = "[Timer]\nOnCalendar=*:*:0/2\nAccuracySec=100ms\n[Install]\nWantedBy=timers.target\n"
EVERY = 2


@pytest.fixture
def stamps(node: Machine) -> Iterator[Machine]:
    """A node with the timer and its service, enabled and started as a timer is."""
    node.run(f"sudo tee {SERVICE} <<'END'\n{WORK}END\nsudo tee {TIMER} <<'END'\n{SCHEDULE}END")
    enabled = node.run("sudo systemctl enable --now stamp.timer")
    assert enabled.rc == 0, enabled.expected("the timer enabled")
    yield node
    node.run(f"sudo systemctl disable --now stamp.timer; sudo rm -f {SERVICE} {TIMER} {STAMPS}; sudo systemctl daemon-reload")


@claim("scheduling.cron-section")
def test_a_timer_starts_its_service_by_the_calendar(stamps: Machine) -> None:
    """`OnCalendar=*:*:0/2`, every two seconds, as cron's `*/2` would be, had it seconds."""
    seen = settled(lambda: stamps.run(f"cat {STAMPS}"), lambda file: len(file.stdout.split()) > 2, seconds=20, every=0.5)
    times = [int(time) for time in seen.stdout.split()]
    assert len(times) > 2, seen.expected("three times of the service's work within twenty seconds")
    assert all(EVERY - 1 <= later - time <= 2 * EVERY for time, later in pairwise(times)), seen.expected(
        "times two seconds apart"
    )


@claim("scheduling.cron-section")
def test_the_schedule_of_cron_can_be_asked_for(node: Machine) -> None:
    """`0 4 * * 1`, at four on Mondays, is `Mon *-*-* 04:00:00`; `systemd-analyze calendar` tells when that is next."""
    told = node.run("systemd-analyze calendar 'Mon *-*-* 04:00:00'")
    when = told.stdout.partition("Next elapse: ")[2].partition(" UTC")[0]
    assert when, told.expected("the next time")
    assert datetime.strptime(when, "%a %Y-%m-%d %H:%M:%S").strftime("%a %H:%M") == "Mon 04:00", told.expected("a Monday at four")


@claim("scheduling.cron-section")
def test_a_service_takes_no_schedule(node: Machine) -> None:
    """`OnCalendar` in a .service is ignored, with a warning: it belongs into the .timer."""
    unit = f"{WORK}OnCalendar=*:*:0/2\n"
    checked = node.run(
        f"cat >/tmp/stamp.service <<'END'\n{unit}END\nsystemd-analyze verify /tmp/stamp.service; rm /tmp/stamp.service"
    )
    warned = "'OnCalendar'" in checked.stderr and "ignoring" in checked.stderr
    assert warned, checked.expected("a warning that OnCalendar is ignored")
