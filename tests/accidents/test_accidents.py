"""`pytest -m accidents`: checks on machines in the wrong state by accident. What was found is in docs/reliability.md."""

from collections.abc import Callable
from dataclasses import asdict

import pytest

from testbed.cluster import Cluster
from tests.accidents.accidents import ACCIDENTS, Sample
from tests.accidents.trial import MISLEADS, TRIED, Checks, tried

SAMPLE = (
    Sample("boot2docker.persist-by-volume", container="writer"),
    Sample("coreos-facts.systemd-cron-like"),
    Sample("coreos-facts.etcd-key-value", "key_expires"),
    Sample("cluster.df-output"),
    Sample("cluster.media-noexec", "below_media"),
    Sample("etcd.put-key"),
    Sample("etcd.container-gateway-unreliable", "firewall", "curl"),
    Sample("docker-concepts.run-in-foreground", "keeps"),
    Sample("docker-tools.fig"),
    Sample("dockerfile.graph-path", "layers", "hello-world"),
    Sample("dockerfile.own-dsl", "unknown"),
    Sample("registry.cmd-rmi", image="tagged/once", container="user"),
    Sample("docker-commands.build", image="greeting"),
    Sample("docker-commands.commit", container="changed"),
    Sample("cleanup.ps-a-no-ports", container="published"),
    Sample("cleanup.artifacts-path", "lie_there", container="data"),
    Sample("hello-world.implicit-pull", "pulls", "hello-world"),
    Sample("devbox.core-is-not-1000", image="rbucker/devbox"),
    Sample("devbox.groupadd-dev", image="rbucker/devbox"),
    Sample("web.publish-flag", image="web"),
    Sample("web.other-path-404", image="web"),
    Sample("ip-addresses.container-ip", container="address"),
    Sample("fleet.unit-pre-clean", "left[none]", "web", "web-8081"),
    Sample("fleet.kill-on-core-01", image="web", container="by-hand"),
    Sample("ha-web.wait-instead-of-confd"),
    Sample("cloud-config.substitution", "each_node"),
    Sample("redis-same.server-starts", image="redis", container="redis"),
    Sample("redis-restart.data-kept-with-volume", image="redis", container="redis"),
    Sample("redis-ambassador.socat-and-sed", "without_an_address", "ambassador", "redis_ambassador"),
    Sample("scheduling.cron-section", "by_the_calendar"),
)


@pytest.mark.accidents
@pytest.mark.timeout(0)
@pytest.mark.parametrize("accident", ACCIDENTS)
@pytest.mark.parametrize("sample", SAMPLE, ids=lambda sample: sample.claim)
def test_a_check_holds_or_says_what_is_the_matter(
    sample: Sample, accident: str, checks: Checks, the_cluster: Cluster, record_property: Callable[[str, object], None]
) -> None:
    """A machine in the wrong state by accident."""
    check = next(check for check in checks[sample.claim] if sample.tests in check.name)
    trial = tried(sample, accident, check, the_cluster)
    record_property(TRIED, asdict(trial))
    assert trial.word != MISLEADS, f"{check.nodeid} says nothing of the {accident}, but:\n{trial.said}\n{trial.guard}"
