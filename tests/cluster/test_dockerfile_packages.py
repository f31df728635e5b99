"""Packages in a Dockerfile: what `apt-get update` costs, and what became of the nginx image of 2014.

The image `debian` has a package mirror in a folder, so that no internet is needed.
"""

from dataclasses import dataclass

import pytest

from fixtures.claims import as_written, claim
from testbed.cluster import Cluster
from testbed.transcript import Result
from tests.cluster.building import Builder, builder_somewhere

INSTALL = "apt-get install -y --no-install-recommends nginx-light"
MUCH = 10_000_000  # bytes
NGINX = f"""\
FROM debian
MAINTAINER The Workshop
RUN apt-get update && {INSTALL} && rm -rf /var/lib/apt/lists/*
CMD nginx -g 'daemon off;'"""
NGINX_OF_2014 = """\
FROM stackbrew/ubuntu:saucy
MAINTAINER The Workshop
RUN add-apt-repository -y ppa:nginx/stable
RUN apt-get update
RUN apt-get install -y --force-yes nginx"""

packages_drill = pytest.mark.xdist_group("dockerfile-packages")


@dataclass(frozen=True)
class Packages:
    """The same package installed in several ways on a node; sizes are in bytes."""

    node: str
    without_update: Result
    update_layer: int
    apart: int
    joined: int
    of_2014: Result
    nginx: Result
    author: Result
    force_yes: Result


@pytest.fixture(scope="module")
def packages(the_cluster: Cluster) -> Packages:
    """Today's debian stands in for the base image of 2014, which is not to be had; no build has a network."""
    with builder_somewhere(the_cluster, "debian", megabytes=1000) as build:
        without_update = build.build(f"FROM debian\nRUN {INSTALL}", "--network none")
        build.build(f"FROM debian\nRUN apt-get update\nRUN {INSTALL}", "--network none -t apart")
        build.build(NGINX, "--network none -t joined")
        build.said("docker tag debian stackbrew/ubuntu:saucy")
        return Packages(
            node=build.engine.machine.name,
            without_update=without_update,
            update_layer=_bytes(build, "docker history --human=false --format '{{.Size}}' apart | sed -n 2p"),
            apart=_bytes(build, "docker image inspect -f '{{.Size}}' apart"),
            joined=_bytes(build, "docker image inspect -f '{{.Size}}' joined"),
            of_2014=build.build(NGINX_OF_2014, "--network none"),
            nginx=build.run("docker run --rm joined nginx -t"),
            author=build.run("docker image inspect -f '{{.Author}}' joined"),
            force_yes=build.run("docker run --rm joined apt-get install --dry-run --force-yes nginx-light"),
        )


def _bytes(build: Builder, command: str) -> int:
    return int(build.said(command))


@as_written("dockerfile.avoid-apt-update", fails_with="Unable to locate package")
@packages_drill
def test_packages_install_without_update(packages: Packages) -> None:
    """`RUN apt-get install` without `apt-get update` before it."""
    assert packages.without_update.rc == 0, packages.without_update.expected("the package installed")


@claim("dockerfile.avoid-apt-update")
@packages_drill
def test_update_alone_adds_a_large_layer(packages: Packages) -> None:
    """The layer of `RUN apt-get update`, by `docker history`."""
    seen = f"{packages.node}: expected more than {MUCH} bytes in the layer, but it has {packages.update_layer}"
    assert packages.update_layer > MUCH, seen


@claim("dockerfile.avoid-apt-update")
@packages_drill
def test_update_and_clean_up_in_one_step_save_that_layer(packages: Packages) -> None:
    """`RUN apt-get update && apt-get install … && rm -rf /var/lib/apt/lists/*`, against two steps."""
    saved = packages.apart - packages.joined
    assert saved > MUCH, f"{packages.node}: expected more than {MUCH} bytes saved, but of {packages.apart} it were {saved}"


@as_written("dockerfile.apt-force-yes", fails_with="add-apt-repository: not found")
@packages_drill
def test_nginx_builds_from_a_ppa_with_force_yes(packages: Packages) -> None:
    """A Dockerfile on stackbrew/ubuntu:saucy with MAINTAINER, a PPA and --force-yes."""
    assert packages.of_2014.rc == 0, packages.of_2014.expected("an image")


@claim("dockerfile.apt-force-yes")
@packages_drill
def test_nginx_builds_from_the_distributions_own_packages(packages: Packages) -> None:
    """`nginx -t` in the image that is built on debian."""
    assert "test is successful" in packages.nginx.stderr, packages.nginx.expected("a configuration that nginx accepts")


@claim("dockerfile.apt-force-yes")
@packages_drill
def test_maintainer_is_still_understood(packages: Packages) -> None:
    assert packages.author.stdout == "The Workshop\n", packages.author.expected("the author that MAINTAINER names")


@claim("dockerfile.apt-force-yes")
@packages_drill
def test_apt_warns_of_force_yes(packages: Packages) -> None:
    """`apt-get install --force-yes`, on Debian bookworm."""
    assert "--force-yes is deprecated" in packages.force_yes.stderr, packages.force_yes.expected("a warning")
