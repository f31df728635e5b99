"""The workshop's unit files as its texts write them, run by one node's own systemd.

It passes over [X-Fleet], so what a unit does by itself is the same with any manager of the cluster, and without one.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace

import pytest

from fixtures.machines import tidied
from testbed.machine import Machine
from testbed.transcript import Result
from testbed.wait import settled, wait_until

FOLDER = "/run/systemd/system"
SECONDS = 30
STOP_SECONDS = 15
GREETING = 'Hello, "/bar"'


@dataclass(frozen=True)
class Unit:
    """A unit file; `services` matches the services that systemd makes of it."""

    name: str
    text: str

    @property
    def services(self) -> str:
        return self.name.replace("@.", "@*.")

    def but(self, line: str, instead: str) -> "Unit":
        """The same with all of this text replaced."""
        assert line in self.text, f"{self.name} has no {line!r}"
        return replace(self, text=self.text.replace(line, instead))


SET = "ExecStartPost=/usr/bin/etcdctl set /app/server/%i ${COREOS_PUBLIC_IPV4}:%i\n"
RM = "ExecStopPost=/usr/bin/etcdctl rm /app/server/%i\n"
WEB_AS_WRITTEN = Unit(
    "web@.service",
    f"""\
[Unit]
Description=A web server at port %i

[Service]
EnvironmentFile=/etc/environment
Restart=always
RestartSec=10s
ExecStartPre=-/usr/bin/docker kill web-%i
ExecStartPre=-/usr/bin/docker rm web-%i
ExecStart=/usr/bin/docker run --rm --name web-%i -p %i:8080 -e HOST_IP=${{COREOS_PUBLIC_IPV4}} web
ExecStop=/usr/bin/docker kill web-%i
{SET}{RM}
[X-Fleet]
X-Conflicts=web@*.service
""",
)
"""Its image is the compiled web server, where the text compiles it in the devbox at each start."""
ANNOUNCED = WEB_AS_WRITTEN.but("[Service]\n", "[Service]\nEnvironment=ETCDCTL_API=2\n")
SLOW = ANNOUNCED.but("ExecStart=", "ExecStart=/bin/sh -c 'sleep 5; exec ").but(" web\n", " web'\n")
"""Announced as well, and with a start that takes its time, as one does that has to pull its image."""
WEB = WEB_AS_WRITTEN.but(SET, "").but(RM, "")
NGINX_AS_WRITTEN = Unit(
    "nginx.service",
    """\
[Unit]
Description=nginx

[Service]
EnvironmentFile=/etc/environment
Restart=always
RestartSec=10s
ExecStartPre=/usr/bin/docker pull marceldegraaf/nginx
ExecStart=/usr/bin/docker run --rm --name nginx -p 80:80 -e HOST_IP=${COREOS_PUBLIC_IPV4} marceldegraaf/nginx
ExecStop=/usr/bin/docker kill nginx

[X-Fleet]
X-Conflicts=nginx.service
""",
)
NGINX = NGINX_AS_WRITTEN.but("marceldegraaf/nginx", "web")
"""As written, but with an image that the registry has."""


Install = Callable[[Unit], None]


@pytest.fixture
def install(node: Machine) -> Iterator[Install]:
    """A function that makes a unit known to the node's systemd until the test ends."""
    with tidied(node), ExitStack() as removal:
        yield lambda unit: removal.enter_context(installed(node, unit))


@contextmanager
def installed(node: Machine, unit: Unit) -> Iterator[None]:
    """The node's systemd knows the unit; at the end its services are stopped, their containers gone and the unit forgotten."""
    drop_in = f"{FOLDER}/{unit.name}.d"
    # A `docker run` that is told to end before its container has begun passes nothing on, and lives until systemd kills it.
    node.quietly(f"sudo mkdir {drop_in}; printf '[Service]\nTimeoutStopSec={STOP_SECONDS}\n' | sudo tee {drop_in}/stop.conf")
    node.run(f"sudo tee {FOLDER}/{unit.name} >/dev/null <<'END'\n{unit.text}END\nsudo systemctl daemon-reload")
    try:
        yield
    finally:
        node.run(f"sudo systemctl stop '{unit.services}'; sudo systemctl reset-failed '{unit.services}'")
        node.run(f"sudo rm -r {FOLDER}/{unit.name} {drop_in} && sudo systemctl daemon-reload")
        # `docker run --rm` is itself ended by the stop, and the engine removes the container by and by.
        name = unit.name.partition(".")[0].replace("@", "-")
        node.run(f"docker ps -aq --filter name=^{name} | xargs -r docker rm -f")
        wait_until(
            lambda: not node.quietly(f"docker ps -aq --filter name=^{name}").stdout, f"{node}: no {name} left", seconds=SECONDS
        )


def page(node: Machine, port: int) -> Result:
    """What the node answers at /bar, as soon as it answers, else after a while."""
    ask = f"curl -sS http://{node.address}:{port}/bar"
    settled(lambda: node.quietly(ask), lambda answer: answer.rc == 0, seconds=SECONDS)
    return node.run(ask)


def demand_greeting(node: Machine, port: int) -> Result:
    """The web unit's page; fails with what the unit said when there is none."""
    served = page(node, port)
    assert GREETING in served.stdout, f"{served.expected('the greeting')}\n{said(node, f'web@{port}', '')}"
    return served


def state(node: Machine, service: str, wanted: str) -> Result:
    """The service's result and sub-state, one a line, as soon as the sub-state is the one wanted, else after a while."""
    ask = f"systemctl show -p Result -p SubState {service}"
    settled(lambda: node.quietly(ask).stdout, lambda seen: f"SubState={wanted}\n" in seen, seconds=SECONDS)
    return node.run(ask)


def said(node: Machine, service: str, words: str) -> Result:
    """What the service has in the journal since its unit was installed, as soon as `words` are in it, else after a while.

    By unit and time: what a process says just before it ends may be stored after systemd has forgotten the invocation's
    id (/run/systemd/units), and then has no _SYSTEMD_INVOCATION_ID.
    """
    since = f"$(stat -c %.6Y $(systemctl show -P FragmentPath {service}))"
    ask = f"sudo sh -c 'journalctl --sync; journalctl -o cat -u {service} --since=@{since}'"
    settled(lambda: node.quietly(ask), lambda journal: words in journal.stdout, seconds=SECONDS)
    return node.run(ask)
