"""fleet's unit files on one node: what the texts' web@.service and nginx.service do there, whoever starts them."""

import time
from collections.abc import Iterator

import pytest

from fixtures.claims import as_written, claim
from testbed.faults import blocked
from testbed.machine import Machine
from testbed.transcript import Result
from tests.cluster.text_units import (
    NGINX,
    NGINX_AS_WRITTEN,
    WEB,
    WEB_AS_WRITTEN,
    Install,
    Unit,
    demand_greeting,
    page,
    said,
    state,
)

WAY_TO_REGISTRIES = "OUTPUT -p tcp -m multiport --dports 443,5000"
RUNS = "Result=success\nSubState=running\n"
FAILED_AND_WAITS = "Result=exit-code\nSubState=auto-restart\n"
LITERAL = "'web@{8081..8083}.service'"


@pytest.fixture
def kept_environment(node: Machine) -> Iterator[None]:
    """/etc/environment is again as it was when the test ends."""
    node.run("sudo cp -p /etc/environment /run/environment.kept")
    yield
    node.run("sudo mv /run/environment.kept /etc/environment")


@claim("fleet.unit-file-format")
@pytest.mark.shared
@pytest.mark.parametrize("unit", [WEB_AS_WRITTEN, NGINX_AS_WRITTEN], ids=["web", "nginx"])
def test_systemd_passes_over_the_section_of_fleet(node: Machine, unit: Unit) -> None:
    """`[X-Fleet]` at the end of a unit file; a section of another name is complained of."""
    good = verified(node, unit)
    assert good.output == "", good.expected("no complaint")
    bad = verified(node, unit.but("[X-Fleet]", "[Fleet]"))
    assert "Unknown section 'Fleet'" in bad.output, bad.expected("a complaint of the section [Fleet]")


def verified(node: Machine, unit: Unit) -> Result:
    """What systemd has to say on the unit's file."""
    file = f"$d/{unit.name}"
    return node.run(f"d=$(mktemp -d); cat >{file} <<'END'\n{unit.text}END\nsystemd-analyze verify {file}; rm -r $d")


@claim("fleet.start-range")
def test_braces_start_three_instances_in_bash(node: Machine, install: Install) -> None:
    """`web@{8081..8083}.service`: bash makes three names of it."""
    install(WEB)
    started = node.run("sudo systemctl start web@{8081..8083}.service")
    assert started.rc == 0, started.expected("exit code 0")
    for port in (8081, 8082, 8083):
        demand_greeting(node, port)


@claim("fleet.start-range")
def test_dash_leaves_the_braces_as_they_are(node: Machine, install: Install) -> None:
    """The same line in `sh`: one name, with the braces in it."""
    install(WEB)
    node.run("sh -c 'sudo systemctl start web@{8081..8083}.service'")
    failed = state(node, LITERAL, "auto-restart")
    assert failed.stdout == FAILED_AND_WAITS, failed.expected("a unit that no port could be made of")
    units = node.run("systemctl list-units --all --plain --no-legend 'web@*'")
    assert len(units.stdout.splitlines()) == 1, units.expected("no other unit")


@claim("fleet.unit-restart-always")
def test_a_killed_container_is_replaced_after_ten_seconds(node: Machine, install: Install) -> None:
    """`Restart=always` and `RestartSec=10s`."""
    install(WEB)
    node.run("sudo systemctl start web@8081")
    first = demand_greeting(node, 8081)
    began, killed = time.monotonic(), node.run("docker kill web-8081")
    again = demand_greeting(node, 8081)
    took = time.monotonic() - began
    assert again.stdout != first.stdout, again.expected(f"another container than that of {first.stdout}")
    assert 10 <= took < 20, killed.expected(f"another container after 10 s, but it took {took:.1f} s")


LEFT_BY_AN_EARLIER_ONE = {
    "none": ":",
    "stopped": "docker create --name web-8081 web",
    "running": "docker run -d --name web-8081 web",
}


@claim("fleet.unit-pre-clean")
@pytest.mark.parametrize("left", LEFT_BY_AN_EARLIER_ONE)
def test_a_web_unit_starts_whatever_an_earlier_one_left(node: Machine, install: Install, left: str) -> None:
    """`ExecStartPre=-/usr/bin/docker kill web-%i` and `ExecStartPre=-/usr/bin/docker rm web-%i`."""
    install(WEB)
    node.run(LEFT_BY_AN_EARLIER_ONE[left])
    node.run("sudo systemctl start web@8081")
    demand_greeting(node, 8081)


@claim("fleet.unit-pre-clean")
def test_nginx_service_fails_over_a_container_of_its_name(node: Machine, install: Install) -> None:
    """It has no line that removes what is left."""
    install(NGINX)
    node.run("docker create --name nginx web")
    node.run("sudo systemctl start nginx")
    failed = said(node, "nginx", "already in use")
    assert 'The container name "/nginx" is already in use' in failed.stdout, failed.expected("a conflict of names")
    waits = state(node, "nginx", "auto-restart")
    assert waits.stdout == FAILED_AND_WAITS, waits.expected("a unit that failed and will try again")


@as_written("fleet.unit-pull-offline", fails_with="Error response from daemon: Get")
def test_nginx_service_as_written_starts(node: Machine, install: Install) -> None:
    """`ExecStartPre=/usr/bin/docker pull marceldegraaf/nginx`, where no registry answers."""
    install(NGINX_AS_WRITTEN)
    with blocked(WAY_TO_REGISTRIES, node, verdict="REJECT"):
        started = node.run("sudo systemctl start nginx")
    assert started.rc == 0, said(node, "nginx", "Error response").expected("a unit that starts")


@claim("fleet.unit-pull-offline")
def test_with_a_registry_the_unit_pulls_and_starts(node: Machine, install: Install) -> None:
    """The same unit with an image that the cluster's registry has, and the node has not."""
    node.run("docker rmi -f web")
    install(NGINX)
    started = node.run("sudo systemctl start nginx")
    assert started.rc == 0, said(node, "nginx", "Error").expected("a unit that starts")
    pulled = said(node, "nginx", "Downloaded newer image")
    assert "Downloaded newer image for web:latest" in pulled.stdout, pulled.expected("the image pulled")
    running = state(node, "nginx", "running")
    assert running.stdout == RUNS, running.expected("a unit that runs")


@claim("fleet.unit-pull-offline")
def test_without_a_registry_the_pull_keeps_the_unit_from_starting(node: Machine, install: Install) -> None:
    """Although the image is on the node already."""
    node.run("docker pull web")
    install(NGINX)
    with blocked(WAY_TO_REGISTRIES, node, verdict="REJECT"):
        started = node.run("sudo systemctl start nginx")
    failed = said(node, "nginx", "Error response")
    assert (started.rc, "Error response from daemon: Get" in failed.stdout) == (1, True), failed.expected("the pull to fail")
    waits = state(node, "nginx", "auto-restart")
    assert waits.stdout == FAILED_AND_WAITS, waits.expected("a unit that failed and will try again")


@claim("fleet.unit-pull-offline")
def test_with_a_leading_dash_the_unit_starts_without_a_registry(node: Machine, install: Install) -> None:
    """`ExecStartPre=-/usr/bin/docker pull`: the image that is on the node will do."""
    node.run("docker pull web")
    install(NGINX.but("ExecStartPre=", "ExecStartPre=-"))
    with blocked(WAY_TO_REGISTRIES, node, verdict="REJECT"):
        node.run("sudo systemctl start nginx")
    running = state(node, "nginx", "running")
    assert running.stdout == RUNS, running.expected("a unit that runs")


def host_ip(node: Machine) -> str:
    """The line of HOST_IP in the container of instance 8081."""
    page(node, 8081)
    environment = node.run("docker inspect -f '{{range .Config.Env}}{{println .}}{{end}}' web-8081").stdout.splitlines()
    return next((line for line in environment if line.startswith("HOST_IP")), f"no HOST_IP among {environment}")


@as_written("fleet.unit-environment-file", fails_with="but the container has 'HOST_IP='")
@pytest.mark.usefixtures("kept_environment")
def test_the_unit_finds_the_address_on_a_plain_node(node: Machine, install: Install) -> None:
    """`EnvironmentFile=/etc/environment` as Debian has it, without what only coreos-cloudinit wrote."""
    node.run("sudo sed -i /^COREOS_/d /etc/environment")
    install(WEB)
    node.run("sudo systemctl start web@8081")
    seen = host_ip(node)
    assert seen == f"HOST_IP={node.address}", f"{node}: expected its address {node.address}, but the container has {seen!r}"


@claim("fleet.unit-environment-file")
def test_with_the_variable_the_container_gets_the_address(node: Machine, install: Install) -> None:
    """`-e HOST_IP=${COREOS_PUBLIC_IPV4}`; the testbed writes the variable when a node boots."""
    install(WEB)
    node.run("sudo systemctl start web@8081")
    seen = host_ip(node)
    assert seen == f"HOST_IP={node.address}", f"{node}: expected its address {node.address}, but the container has {seen!r}"


@claim("fleet.unit-environment-file")
@pytest.mark.usefixtures("kept_environment")
def test_without_the_variable_host_ip_is_empty_and_the_unit_runs(node: Machine, install: Install) -> None:
    """Nobody is told."""
    node.run("sudo sed -i /^COREOS_PUBLIC_IPV4/d /etc/environment")
    install(WEB)
    node.run("sudo systemctl start web@8081")
    assert host_ip(node) == "HOST_IP=", f"{node}: expected an empty HOST_IP, but the container has {host_ip(node)!r}"


@claim("fleet.unit-environment-file")
@pytest.mark.usefixtures("kept_environment")
def test_without_the_file_the_unit_fails(node: Machine, install: Install) -> None:
    """No leading `-` before the path."""
    node.run("sudo rm /etc/environment")
    install(WEB)
    started = node.run("sudo systemctl start web@8081")
    assert started.rc == 1, started.expected("exit code 1")
    failed = state(node, "web@8081", "auto-restart")
    assert "Result=resources\n" in failed.stdout, failed.expected("the result `resources`")
