"""The units that fleet is given: each kind as it is written, and what each unit belongs to."""

import pytest

from testbed.managers import Service, Spread, fleet_units

ADDRESSES = {f"core-0{number}": f"172.28.8.10{number}" for number in (1, 2, 3)}
ONE = Service("redis", "redis", announced="/services/redis", port=6379)
THREE = Service(
    "web", "web", ("-p", "8080"), {"A": 'b $c 100% "d"'}, ("/srv:/srv:ro",), 3, Spread.NEVER_TOGETHER, restart_seconds=10
)
THERE = Service("front", "nginx", spread=Spread.EVERYWHERE, machines=("core-01", "core-03"), announced="/front", port=80)

REDIS = """[Unit]
Description=redis
After=docker.service
Requires=docker.service
StartLimitIntervalSec=0

[Service]
EnvironmentFile=/etc/environment
TimeoutStartSec=0
Restart=always
RestartSec=0
ExecStartPre=-/usr/bin/docker kill redis
ExecStartPre=-/usr/bin/docker rm redis
ExecStart=/usr/bin/docker run --rm --name redis --net=host --label cododemo.service=redis redis
ExecStop=/usr/bin/docker stop -t 1 redis
"""


def test_one_instance_is_one_unit_and_its_sidekick() -> None:
    files = fleet_units.files(ONE, ADDRESSES)
    assert list(files) == fleet_units.started(ONE) == ["redis.service", "redis-announce.service"]
    assert files["redis.service"] == REDIS


def test_sidekick_renews_the_key_of_its_machine_while_the_container_runs() -> None:
    sidekick = fleet_units.files(ONE, ADDRESSES)["redis-announce.service"]
    assert "http://127.0.0.1:4001/v2/keys/services/redis/%H" in sidekick
    assert "-d value=$$COREOS_PRIVATE_IPV4:6379 -d ttl=5" in sidekick
    assert sidekick.endswith("[X-Fleet]\nMachineOf=redis.service\n")


def test_instances_that_are_never_together_are_a_template_that_conflicts_with_itself() -> None:
    files = fleet_units.files(THREE, ADDRESSES)
    assert list(files) == ["web@.service"]
    assert fleet_units.started(THREE) == ["web@1.service", "web@2.service", "web@3.service"]
    assert files["web@.service"].endswith("\n[X-Fleet]\nConflicts=web@*.service\n")
    assert "RestartSec=10\n" in files["web@.service"]
    assert "docker kill web-%i\n" in files["web@.service"]


def test_words_of_a_command_reach_it_as_they_are() -> None:
    unit = fleet_units.files(THREE, ADDRESSES)["web@.service"]
    assert r'-e "A=b $$c 100%% \"d\"" -v "/srv:/srv:ro" web "-p" "8080"' in unit


def test_one_everywhere_is_global_on_the_machines_that_were_named() -> None:
    files = fleet_units.files(THERE, ADDRESSES)
    there = "Global=true\nMachineMetadata=address=172.28.8.101\nMachineMetadata=address=172.28.8.103\n"
    assert files["front.service"].endswith(f"\n[X-Fleet]\n{there}")
    assert files["front-announce.service"].endswith(f"\n[X-Fleet]\n{there}")


@pytest.mark.parametrize(
    "unit", ["web.service", "web@.service", "web@3.service", "web-announce.service", "web-announce@3.service"]
)
def test_every_unit_belongs_to_its_service(unit: str) -> None:
    assert fleet_units.service_of(unit) == "web"
