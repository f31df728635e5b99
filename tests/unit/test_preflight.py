"""Each check of the preflight, on a made-up host: one that is fine, changed in one place."""

from dataclasses import replace
from ipaddress import IPv4Network
from pathlib import Path

import pytest

from testbed import paths, preflight, survey
from testbed.engine import Engine, Network
from testbed.errors import TestbedError
from testbed.options import Options
from testbed.survey import GIB, Host

ENGINE = Engine("20.10.24+dfsg1", "1.12", "AAAA", "vm", Path("/var/lib/docker"), "overlay2", 2, "")
GOOD = Host(
    engine=ENGINE,
    name="vm",
    client="/usr/bin/docker",
    vagrant="2.3.4",
    ssh="/usr/bin/ssh",
    git="/usr/bin/git",
    memory=8 * GIB,
    inotify_free=100,
    disks={"engine": (Path("/var/lib/docker"), 20 * GIB), "checkout": (Path("/home"), 20 * GIB)},
    images=True,
    networks=(Network("bridge", "docker0", (IPv4Network("172.17.0.0/16"),), ""),),
    routes=(("docker0", IPv4Network("172.17.0.0/16")), ("eth0", IPv4Network("192.168.1.0/24"))),
)
NET = IPv4Network("172.28.8.0/24")
FULL = {"engine": (Path("/var/lib/docker"), GIB), "checkout": (Path("/home"), 3 * GIB)}


def verdicts(host: Host, options: Options) -> dict[str, str]:
    return {check.name: check.verdict for check in preflight.judge(host, options) if check.verdict != "ok"}


def the(name: str, host: Host, options: Options | None = None) -> preflight.Check:
    return next(check for check in preflight.judge(host, options or Options()) if check.name == name)


def test_good_host_passes_every_check() -> None:
    assert verdicts(GOOD, Options()) == {}


@pytest.mark.parametrize(
    ("changes", "name", "found"),
    [
        ({"engine": None, "silence": "no Docker engine answers on /x"}, "engine", "no Docker engine answers on /x"),
        ({"engine": replace(ENGINE, remote="it is rootless")}, "engine is local", "it is rootless"),
        ({"client": None}, "docker client", "not found"),
        ({"client_trouble": "client version 1.41 is too old"}, "docker client", "client version 1.41 is too old"),
        ({"vagrant": None}, "vagrant", "not found"),
        ({"vagrant": ""}, "vagrant", "gives no version"),
        ({"engine": replace(ENGINE, version="19.03.15")}, "engine and vagrant", "Docker 19.03.15 and Vagrant 2.3.4 do not"),
        ({"ssh": None}, "ssh", "not found"),
        ({"git": None}, "git", "not found"),
        ({"memory": GIB}, "memory", "1.0 GiB free"),
        ({"disks": FULL}, "disk (engine)", "nearly full: 1.0 GiB free at /var/lib/docker"),
        ({"port_free": False}, "registry port", "5000 is in use"),
        ({"routes": (("tun0", IPv4Network("172.16.0.0/12")),)}, "subnet", "in use by route on tun0 (172.16.0.0/12)"),
        ({"networks": (Network("other", "br-1", (NET,), "99999999"),)}, "subnet", "in use by Docker network other"),
    ],
)
def test_what_is_in_the_way_fails_with_one_line(changes: dict[str, object], name: str, found: str) -> None:
    host = replace(GOOD, **changes)  # type: ignore[arg-type]  # the table has every field's type
    options = Options(registry_port=5000, subnet=str(NET))
    assert verdicts(host, options) == {name: "fail"}
    check = the(name, host, options)
    assert found in str(check)
    assert check.mend
    assert "\n" not in str(check)


def test_no_venv_is_only_a_warning() -> None:
    assert verdicts(replace(GOOD, venv=False), Options()) == {"python": "warn"}


def test_engine_under_another_host_name_is_a_warning() -> None:
    assert verdicts(replace(GOOD, name="ci-container"), Options()) == {"engine is local": "warn"}


@pytest.mark.parametrize("version", ["20.10.24+dfsg1", "26.1.5+dfsg1", "29.7.2"])
def test_engines_that_were_tried_go_with_vagrant(version: str) -> None:
    assert the("engine and vagrant", replace(GOOD, engine=replace(ENGINE, version=version))).verdict == "ok"


def test_engine_newer_than_any_that_was_tried_is_a_warning() -> None:
    check = the("engine and vagrant", replace(GOOD, engine=replace(ENGINE, version="30.0.0-rc.1")))
    assert check.verdict == "warn"
    assert "were not tried together" in check.found


def test_more_disk_is_needed_while_the_images_are_not_built() -> None:
    nearly = {"engine": (Path("/"), 5 * GIB), "checkout": (Path("/"), 5 * GIB)}
    assert verdicts(replace(GOOD, disks=nearly), Options()) == {}
    assert set(verdicts(replace(GOOD, disks=nearly, images=False), Options())) == {"disk (engine)", "disk (checkout)"}


def test_own_network_and_its_route_are_not_in_the_way() -> None:
    own = Network("cododemo", "br-own", (NET,), paths.checkout_id())
    host = replace(GOOD, networks=(*GOOD.networks, own), routes=(*GOOD.routes, ("br-own", NET)))
    assert the("subnet", host, Options(subnet=str(NET))).verdict == "ok"


def routes(*seconds: int) -> tuple[tuple[str, IPv4Network], ...]:
    return tuple(("tun0", IPv4Network(f"172.{second}.0.0/16")) for second in seconds)


def test_free_subnet_is_proposed() -> None:
    host = replace(GOOD, routes=routes(27, 28))
    assert "--subnet 172.26.8.0/24" in the("subnet", host, Options(subnet=str(NET))).mend


def test_free_subnet_is_taken_where_none_is_asked_for() -> None:
    assert the("subnet", replace(GOOD, routes=routes(27, 28))).found == "172.26.8.0/24 is free"


def test_without_a_free_subnet_one_is_asked_for() -> None:
    check = the("subnet", replace(GOOD, routes=routes(*range(18, 29))))
    assert (check.verdict, check.mend) == ("fail", "choose one: --subnet ADDRESS/24")


def test_demand_raises_the_first_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "survey", lambda _: replace(GOOD, vagrant=None, git=None))
    with pytest.raises(TestbedError, match=r"^vagrant: not found; .*apt-get install vagrant$"):
        preflight.demand(Options())


def test_demand_refuses_options_before_it_looks() -> None:
    with pytest.raises(TestbedError, match="--nodes 99"):
        preflight.demand(Options(nodes=99))


def test_routes_are_read_from_the_kernels_table(tmp_path: Path) -> None:
    table = tmp_path / "route"
    table.write_text(
        "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\n"
        "eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\n"
        "docker0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\n"
    )
    assert survey.routes(table) == [("docker0", IPv4Network("172.17.0.0/16"))]


@pytest.mark.parametrize(
    ("text", "numbers"), [("20.10.24+dfsg1", (20, 10, 24)), ("2.3.8.dev", (2, 3, 8)), ("29", (29,)), ("unknown", ())]
)
def test_version_is_the_numbers_at_the_beginning(text: str, numbers: tuple[int, ...]) -> None:
    assert survey.version(text) == numbers


def test_too_few_inotify_instances_are_told_with_the_sysctl() -> None:
    check = the("inotify", replace(GOOD, inotify_free=19))
    assert (check.verdict, check.found) == ("fail", "19 instances free for root, 20 are needed")
    assert "fs.inotify.max_user_instances" in check.mend
