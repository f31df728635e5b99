"""The run's options: what is refused, in which words, and that both parsers read them alike."""

import argparse
from dataclasses import replace
from pathlib import Path

import pytest

from testbed.errors import TestbedError
from testbed.options import Options, add_arguments, read


@pytest.mark.parametrize(
    ("option", "value", "line"),
    [
        ("provider", "xen", "--provider xen: unknown; known: docker"),
        ("nodes", 0, "--nodes 0: a cluster has 1 to 9 nodes"),
        ("nodes", 99, "--nodes 99: a cluster has 1 to 9 nodes"),
        ("registry_port", -1, "--registry-port -1: a port is"),
        ("registry_port", 65536, "--registry-port 65536: a port is"),
        ("keep", "often", "--keep often: unknown; known: never, on-failure, always"),
        ("manager", "kubernetes", "--manager kubernetes: unknown; known: auto, fleet, swarm"),
        ("manager", "fleet", "--manager fleet: needs --era-binaries PATH, too; the README says"),
        ("era_binaries", Path("nowhere"), "--era-binaries nowhere: there is no such file or folder"),
        ("subnet", "172.28.8", "--subnet 172.28.8: "),
        ("subnet", "172.28.8.1/24", "--subnet 172.28.8.1/24: .*host bits"),
        ("subnet", "172.28.0.0/16", "--subnet 172.28.0.0/16: a /24"),
        ("subnet", "8.8.8.0/24", "--subnet 8.8.8.0/24: a /24 of the private ranges"),
        ("subnet", "fd00::/24", "--subnet fd00::/24: "),
    ],
)
def test_value_that_cannot_be_meant_is_named(option: str, value: str | int | Path, line: str) -> None:
    with pytest.raises(TestbedError, match=line) as raised:
        replace(Options(), **{option: value}).validate()  # type: ignore[arg-type]  # the table has every option's type
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "url",
    [
        "https://discovery.etcd.io/6c007a14875d53d9bf0ef5a6fc0257c8",
        "http://172.28.8.2:8087/6c007a14875d53d9",
        "http://discovery.local:2379/v2/keys/_etcd/registry/6c007a14-875d-53d9",
        "public",
        "private",
    ],
)
def test_discovery_url_is_taken(url: str) -> None:
    Options(discovery=url).validate()


@pytest.mark.parametrize(
    "url",
    [
        "",
        "discovery.etcd.io/6c007a14875d53d9",
        "ftp://discovery.etcd.io/6c007a14875d53d9",
        "https://discovery.etcd.io/",
        "https://discovery.etcd.io/short",
        "https://discovery.etcd.io/6c007a14875d53d9\n",
        "https://discovery.etcd.io/6c007a14875d53d9;reboot",
        "https://$(reboot)/6c007a14875d53d9",
        "https://discovery.etcd.io/6c007a14 875d53d9",
        "https://user:pass@discovery.etcd.io/6c007a14875d53d9",
        "https://discovery.etcd.io:99999/6c007a14875d53d9",
        "https://discovery.etcd.io/6c007a14875d53d9?x=1",
    ],
)
def test_malformed_discovery_url_is_refused_in_one_line(url: str) -> None:
    with pytest.raises(TestbedError, match="--discovery") as raised:
        Options(discovery=url).validate()
    assert "\n" not in str(raised.value)


def test_options_read_from_argparse() -> None:
    parser = argparse.ArgumentParser()
    add_arguments(parser.add_argument)
    given = parser.parse_args(["--nodes", "5", "--registry-port", "5000", "--keep", "always"])
    assert read(vars(given).get) == Options(nodes=5, registry_port=5000, keep="always")


def test_options_read_from_pytest() -> None:
    parser = pytest.Parser(_ispytest=True)
    add_arguments(parser.getgroup("cododemo").addoption)
    given = parser.parse_known_args(["--nodes", "5", "--subnet", "10.1.2.0/24", "-k", "etcd"])
    assert read(vars(given).get) == Options(nodes=5, subnet="10.1.2.0/24")


@pytest.mark.parametrize(
    ("options", "name"),
    [
        (Options(), "swarm"),
        (Options(manager="swarm"), "swarm"),
        (Options(era_binaries=Path("era")), "fleet"),
        (Options(manager="fleet", era_binaries=Path("era")), "fleet"),
        (Options(manager="swarm", era_binaries=Path("era")), "swarm"),
    ],
    ids=lambda value: value if isinstance(value, str) else f"{value.manager}-{value.era_binaries}",
)
def test_auto_takes_fleet_where_it_is(options: Options, name: str) -> None:
    assert options.manager_name == name
    assert options.asks_for_manager == (options != Options())
