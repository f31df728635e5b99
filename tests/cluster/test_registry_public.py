"""The text's open task: block writes to the public registry. Shown with a registry of ours where the public one would be.

Beside a node's own engine run two more: one as Docker comes, and one after the recipe of docs/block-public-pushes.md. Both find
the stand-in by the public registry's name, and trust it.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from fixtures.claims import as_written, claim
from fixtures.machines import leased, tidied
from testbed.cluster import Cluster
from testbed.errors import TestbedError
from testbed.leases import Use
from testbed.machine import Machine
from testbed.throwaway_engine import ThrowawayEngine, throwaway_engine
from testbed.transcript import Result
from testbed.wait import wait_until

pytestmark = pytest.mark.xdist_group("registry")

PULL = "docker pull busybox"
PUSH = "docker tag busybox acme/secret && docker push acme/secret"
STAND_IN = "/etc/stand-in"
READ_ONLY = """-e REGISTRY_STORAGE_MAINTENANCE_READONLY='{"enabled": true}'"""
UPLOAD = re.compile(r'"(?:POST|PUT|PATCH) (/v2/\S+)')


@dataclass(frozen=True)
class Pushes:
    """What the two engines did, and what was uploaded by each to where the public registry would be."""

    open_push: Result
    open_uploads: list[str]
    blocked_pull: Result
    blocked_push: Result
    blocked_uploads: list[str]
    private_push: Result
    read_only_pull: Result
    read_only_push: Result


@pytest.fixture(scope="module")
def pushes(the_cluster: Cluster) -> Pushes:
    """The drill: the open engine leaks; the blocked one does not, and still reaches the registries of its own network."""
    network = f"{the_cluster.services_address.rpartition('.')[0]}.0/24"
    recipe = ("HTTPS_PROXY=http://127.0.0.1:9", f"NO_PROXY={network}")
    trust = f"SSL_CERT_FILE={STAND_IN}.crt"
    with leased(the_cluster, ("core-01",), Use.ALONE) as held, tidied(*held.values()):
        node = held["core-01"]
        with throwaway_engine(node, environment=(trust, *recipe)) as blocked:
            return drill(node, blocked, trust)


def drill(node: Machine, blocked: ThrowawayEngine, trust: str) -> Pushes:
    """The story, on an engine after the recipe; the one as Docker comes starts later, when /etc/hosts is as it is to see it."""
    private, read_only = f"{node.address}:5000", f"{node.address}:5001"
    node.run("docker run -d -p 5000:5000 -v kept:/var/lib/registry registry")
    node.run(f"docker run -d -p 5001:5000 -v kept:/var/lib/registry {READ_ONLY} registry")
    pull = blocked.run(PULL)
    with stand_in(node, public_registry(blocked.run(PUSH))) as uploads:
        with throwaway_engine(node, environment=(trust,)) as as_it_comes:
            as_it_comes.run(PULL)
            open_push = as_it_comes.run(PUSH)
        open_uploads = uploads()
        blocked_push = blocked.run(PUSH)
        blocked_uploads = uploads()[len(open_uploads) :]
    private_push = blocked.run(f"docker tag busybox {private}/secret && docker push {private}/secret")
    read_only_pull = blocked.run(f"docker pull {read_only}/secret")
    read_only_push = blocked.run(f"docker tag busybox {read_only}/more && docker push {read_only}/more")
    return Pushes(open_push, open_uploads, pull, blocked_push, blocked_uploads, private_push, read_only_pull, read_only_push)


def public_registry(refused: Result) -> str:
    """The name of the host that an engine pushes to, which it tells when it may not; raises TestbedError when it does not."""
    host = re.search(r"https://([^/]+)/v2/", refused.stderr)
    if host is None:
        raise TestbedError(refused.expected("a refusal that names the public registry's host"))
    return host[1]


@contextmanager
def stand_in(node: Machine, host: str) -> Iterator[Callable[[], list[str]]]:
    """A registry that is the public one in the node's eyes; gives a function that returns the paths of its uploads so far."""
    crt, key = f"{STAND_IN}.crt", f"{STAND_IN}.key"
    node.run(
        f"sudo openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN=stand-in "
        f"-addext subjectAltName=DNS:{host} -keyout {key} -out {crt}"
    )
    started = node.run(
        f"docker run -d --name stand-in -p 443:5000 -v {crt}:{crt} -v {key}:{key} "
        f"-e REGISTRY_HTTP_TLS_CERTIFICATE={crt} -e REGISTRY_HTTP_TLS_KEY={key} registry"
    )
    node.run(f"echo '{node.address} {host} # stand-in' | sudo tee -a /etc/hosts")
    try:
        asked = f"curl -s --cacert {crt} https://{host}/v2/"
        wait_until(lambda: node.run(asked).stdout == "{}", started.expected("a registry that answers"), seconds=20)
        yield lambda: UPLOAD.findall(node.run("docker logs stand-in").stdout)
    finally:
        # /etc/hosts is a mount: it can be written, but not replaced.
        node.run("sed '/# stand-in$/d' /etc/hosts >/tmp/hosts; sudo cp --no-preserve=all /tmp/hosts /etc/hosts; rm /tmp/hosts")
        node.run(f"sudo rm {crt} {key}")


@as_written("registry.block-public-writes", fails_with="unknown flag: --block-registry")
@pytest.mark.shared
def test_the_engine_has_an_option_to_block_a_registry(node: Machine) -> None:
    """Find a way to block writes to the public registry; `--block-registry` is how Red Hat's engine of the time was told."""
    told = node.run("/usr/sbin/dockerd --block-registry docker.io --version")
    assert told.rc == 0, told.expected("an engine that takes the option")


@claim("registry.block-public-writes")
def test_an_engine_as_it_comes_leaks_to_the_public_registry(pushes: Pushes) -> None:
    """`docker push acme/secret` uploads the image: the stand-in would see a leak."""
    assert "/v2/acme/secret/manifests/latest" in pushes.open_uploads, pushes.open_push.expected(
        f"an upload; {pushes.open_uploads}"
    )


@claim("registry.block-public-writes")
def test_an_engine_with_a_dead_proxy_uploads_nothing_there(pushes: Pushes) -> None:
    """The same push from an engine whose way out is a proxy that is not there."""
    refused = pushes.blocked_push
    assert "proxyconnect tcp: dial tcp 127.0.0.1:9: connect: connection refused" in refused.stderr, refused.expected("a refusal")
    assert pushes.blocked_uploads == [], refused.expected(f"no upload, but the stand-in saw {pushes.blocked_uploads}")


@claim("registry.block-public-writes")
def test_the_blocked_engine_still_pulls_through_its_mirror(pushes: Pushes) -> None:
    """`docker pull busybox`: the mirror is on the engine's own network, which needs no proxy."""
    assert "Downloaded newer image for busybox:latest" in pushes.blocked_pull.stdout, pushes.blocked_pull.expected("the image")


@claim("registry.block-public-writes")
def test_the_blocked_engine_still_pushes_to_a_private_registry(pushes: Pushes) -> None:
    """Nothing is lost for work within the house."""
    assert "latest: digest: sha256:" in pushes.private_push.stdout, pushes.private_push.expected("the image pushed")


@claim("registry.block-public-writes")
def test_a_read_only_registry_gives_and_takes_nothing(pushes: Pushes) -> None:
    """The registry's own way to refuse writes, for one whose images are not to change."""
    assert pushes.read_only_pull.rc == 0, pushes.read_only_pull.expected("the image pulled")
    refused = pushes.read_only_push
    assert (refused.rc, "405" in refused.stderr) == (1, True), refused.expected("HTTP 405")


@claim("registry.name-decides-target")
def test_a_name_without_a_host_goes_to_the_public_registry(pushes: Pushes) -> None:
    """`docker push acme/secret` refers to docker.io, and its uploads go to where that would be."""
    said = "The push refers to repository [docker.io/acme/secret]"
    assert said in pushes.open_push.stdout, pushes.open_push.expected("docker.io as the target")
    others = [path for path in pushes.open_uploads if not path.startswith("/v2/acme/secret/")]
    assert pushes.open_uploads, pushes.open_push.expected("uploads")
    assert not others, pushes.open_push.expected(f"no upload of anything else, but there was {others}")
