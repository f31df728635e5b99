"""Registries: a private one on a node, what goes there and what comes back, and the images that lie about meanwhile.

A node and boot2docker are leased for the whole module, so no test in it may ask for another machine.
"""

import gzip
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest

from fixtures.claims import as_written, claim
from fixtures.machines import leased, tidied
from testbed.cluster import Cluster
from testbed.leases import Use
from testbed.machine import Machine
from testbed.plain_http import HTTP
from testbed.transcript import Result
from testbed.wait import wait_until

pytestmark = pytest.mark.xdist_group("registry")

SECRET = "a comment of the cook"
GREETING = "hello from the private registry"
DOCKERFILE = f"# {SECRET}\nFROM busybox\nCOPY greeting /greeting\nCMD cat /greeting\n"
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
HOOK = r"""#!/bin/sh
set -e
while read -r _ commit _; do
  work=$(mktemp -d)
  git --work-tree="$work" checkout -qf "$commit"
  docker build -q --label commit="$commit" -t IMAGE "$work"
  docker push -q IMAGE
  rm -r "$work"
done
"""
THREE_MB = 3_000_000


@dataclass(frozen=True)
class Private:
    """A private registry on `here`; `there` is another machine. `host` is its name in images' names."""

    here: Machine
    there: Machine
    host: str

    def get(self, path: str) -> httpx.Response:
        """The registry's answer to a GET of its API."""
        return HTTP.get(f"http://{self.host}/v2/{path}", headers={"Accept": MANIFEST}, timeout=10)

    def tags(self, repository: str) -> list[str] | str:
        """The repository's tags or, where there is no such repository, the registry's word for that."""
        answer = self.get(f"{repository}/tags/list").json()
        return list(answer["tags"]) if "tags" in answer else str(answer["errors"][0]["code"])

    def blobs(self, repository: str) -> list[bytes]:
        """All that the registry holds of an image: manifest, configuration and unpacked layers."""
        manifest = self.get(f"{repository}/manifests/latest")
        layers = [self.get(f"{repository}/blobs/{layer['digest']}").content for layer in manifest.json()["layers"]]
        configuration = self.get(f"{repository}/blobs/{manifest.json()['config']['digest']}").content
        return [manifest.content, configuration, *map(gzip.decompress, layers)]

    def size(self) -> int:
        """The bytes that the registry takes on its disk."""
        return int(self.here.run("sudo du -sb /var/lib/docker/volumes/registry/_data").stdout.split()[0])


@dataclass(frozen=True)
class Greeting:
    """An image built here and pushed, its context here."""

    name: str
    context: str
    pushed: Result


@dataclass(frozen=True)
class Committed:
    """What the registry and the other machine had of an image that was committed, and then pushed."""

    name: str
    commit: Result
    tags_after_commit: list[str] | str
    pull_after_commit: Result
    push: Result
    tags_after_push: list[str] | str
    pull_after_push: Result


@pytest.fixture(scope="module")
def private(the_cluster: Cluster) -> Iterator[Private]:
    """`docker run -d -p 5000:5000 registry` on a node, and another machine to pull from it."""
    with leased(the_cluster, ("core-01", "boot2docker"), Use.ALONE) as held, tidied(*held.values()):
        here, there = held.values()
        started = here.run("docker run -d --name registry -p 5000:5000 -v registry:/var/lib/registry registry")
        assert started.rc == 0, started.expected("a registry started")
        registry = Private(here, there, f"{here.address}:5000")
        wait_until(lambda: registry.get("").is_success, f"{here}: the registry answers", seconds=20, not_yet=(httpx.HTTPError,))
        yield registry


@pytest.fixture(scope="module")
def greeting(private: Private) -> Iterator[Greeting]:
    """The greeting: built and pushed."""
    name, here = f"{private.host}/greeting", private.here
    context = here.run("mktemp -d").stdout.strip()
    here.run(f"cd {context} && echo '{GREETING}' >greeting && cat >Dockerfile <<'END'\n{DOCKERFILE}END")
    built = here.run(f"docker build -t {name} {context}")
    assert built.rc == 0, built.expected("the greeting built")
    yield Greeting(name, context, here.run(f"docker push {name}"))
    here.run(f"rm -r {context}")


@pytest.fixture(scope="module")
def committed(private: Private) -> Committed:
    """A container that was changed, committed under the registry's name, and then pushed."""
    name, here, there = f"{private.host}/committed", private.here, private.there
    here.run("docker run --name changed busybox touch /changed")
    return Committed(
        name,
        here.run(f"docker commit changed {name}"),
        private.tags("committed"),
        there.run(f"docker pull {name}"),
        here.run(f"docker push {name}"),
        private.tags("committed"),
        there.run(f"docker pull {name}"),
    )


@pytest.fixture
def folder(private: Private) -> Iterator[str]:
    """An empty folder on the registry's node, at home, as nothing in /tmp may be executed."""
    folder = private.here.run("mktemp -d -p ~").stdout.strip()
    yield folder
    private.here.run(f"rm -rf {folder}")


@claim("registry.dockerfile-held-locally")
def test_the_dockerfile_stays_where_it_is_and_is_no_part_of_the_image(private: Private, greeting: Greeting) -> None:
    """It lies in the folder of the build; neither the file nor its comment is in the image, while what it copies is."""
    seen = private.here.run(
        f"cd {greeting.context} && docker save {greeting.name} >saved; grep -c '{SECRET}' Dockerfile; grep -ac '{SECRET}' saved; "
        f"grep -aic Dockerfile saved; grep -aq '{GREETING}' saved && echo copied"
    )
    assert seen.stdout.split() == ["1", "0", "0", "copied"], seen.expected(
        "the comment in the file only, the greeting in the image"
    )


@as_written("registry.dockerfile-in-registry", fails_with="no Dockerfile")
def test_the_dockerfile_can_be_had_from_the_registry(private: Private, greeting: Greeting) -> None:
    """The Dockerfile can be stored in a registry, by the only way there is to put something in: a push."""
    found = any(SECRET.encode() in blob for blob in private.blobs("greeting"))
    assert found, f"{private.host} holds no Dockerfile of {greeting.name}"


@claim("registry.dockerfile-in-registry")
def test_a_registry_holds_the_image_and_not_its_dockerfile(private: Private, greeting: Greeting) -> None:
    """The whole image comes back from it on another machine, by the digest that the push told."""
    holds = b"".join(private.blobs("greeting"))
    seen = (GREETING.encode() in holds, SECRET.encode() in holds)
    assert seen == (True, False), f"{private.here}: expected its registry to hold the greeting only, but saw {seen}"
    digest = greeting.pushed.stdout.partition("digest: ")[2].split()[0]
    ran = private.there.run(f"docker run --rm {greeting.name}@{digest}")
    assert ran.stdout == f"{GREETING}\n", ran.expected("the greeting")


@claim("registry.always-ready")
def test_a_push_to_git_makes_the_image_ready(private: Private, folder: str) -> None:
    """A hook of a git repository builds and pushes the image; no further command is needed."""
    name, here = f"{private.host}/ready", private.here
    hook = HOOK.replace("IMAGE", name)
    here.run(
        f"git init -q --bare {folder}/app.git && cd {folder}/app.git/hooks && "
        f"cat >post-receive <<'END' && chmod +x post-receive\n{hook}END"
    )
    here.run(rf"git init -q {folder}/app && cd {folder}/app && printf 'FROM busybox\nCMD echo ready\n' >Dockerfile && git add .")
    here.run(f"cd {folder}/app && git -c user.name=dev -c user.email=dev@localhost commit -qm 'Be ready'")
    commit = here.run(f"cd {folder}/app && git push -q {folder}/app.git HEAD && git rev-parse HEAD")
    ready = private.there.run(f"docker run --rm {name} && docker inspect -f '{{{{.Config.Labels.commit}}}}' {name}")
    assert ready.stdout.split() == ["ready", *commit.stdout.split()[-1:]], ready.expected(f"the image of the commit:\n{commit}")


@as_written("registry.see-commit", fails_with="NAME_UNKNOWN")
def test_commit_stores_the_image_in_a_registry(committed: Committed) -> None:
    """See the docker `commit` command."""
    assert committed.tags_after_commit == ["latest"], f"after {committed.commit}\nthe registry says {committed.tags_after_commit}"


@claim("registry.see-commit")
def test_commit_makes_a_local_image_only(private: Private, committed: Committed) -> None:
    """The image is there, and the registry whose name it has knows nothing of it."""
    image = private.here.run(f"docker run --rm {committed.name} ls /changed")
    assert image.stdout == "/changed\n", image.expected("an image with the container's change")
    assert committed.tags_after_commit == "NAME_UNKNOWN", committed.commit.expected(
        f"nothing in the registry, not {committed.tags_after_commit}"
    )


@as_written("registry.cmd-commit-pushes", fails_with="not found")
def test_commit_sends_the_image_to_a_remote_registry(committed: Committed) -> None:
    """So that another machine can pull it."""
    assert committed.pull_after_commit.rc == 0, committed.pull_after_commit.expected("the image that was committed")


@claim("registry.cmd-commit-pushes")
def test_push_sends_the_image_to_a_remote_registry(committed: Committed) -> None:
    """It is there after `docker push`, and not before."""
    assert (committed.pull_after_commit.rc, committed.push.rc) == (1, 0), committed.push.expected(
        "that push, and only push, sends"
    )
    assert committed.tags_after_push == ["latest"], f"the registry has {committed.tags_after_push} after {committed.push}"
    assert committed.pull_after_push.rc == 0, committed.pull_after_push.expected("the image that was pushed")


@claim("registry.private-takes-storage")
@pytest.mark.usefixtures("greeting")  # has brought the layers of busybox
def test_each_layer_takes_storage_once_until_it_is_collected(private: Private) -> None:
    """Three megabytes pushed under two names take three; deleted they stay, until the garbage is collected."""
    one, two = f"{private.host}/one", f"{private.host}/two"
    before = private.size()
    dockerfile = rf"FROM busybox\nRUN head -c {THREE_MB} /dev/urandom >/random\n"
    private.here.run(f"printf '{dockerfile}' | docker build -q -t {one} -t {two} -")
    sizes = []
    for name in (one, two):
        private.here.run(f"docker push -q {name}")
        sizes.append(private.size() - before)
    assert THREE_MB < sizes[0] <= sizes[1] < 1.1 * THREE_MB, (
        f"{private.here}: its registry grew by {sizes} bytes after one and two pushes"
    )
    for repository in ("one", "two"):
        digest = private.get(f"{repository}/manifests/latest").headers["Docker-Content-Digest"]
        HTTP.delete(f"http://{private.host}/v2/{repository}/manifests/{digest}").raise_for_status()
    deleted = private.size() - before
    collected = private.here.run("docker exec registry registry garbage-collect /etc/docker/registry/config.yml")
    assert private.size() - before < THREE_MB / 10 < THREE_MB < deleted, collected.expected(
        f"bytes freed, not before (then {deleted})"
    )


@as_written("registry.cmd-pull", fails_with="No such container")
def test_a_pulled_image_lies_dormant_until_start(private: Private, greeting: Greeting) -> None:
    """`docker pull`, then `docker start`."""
    private.there.run(f"docker pull {greeting.name}")
    started = private.there.run(f"docker start {greeting.name}")
    assert started.rc == 0, started.expected("the image started")


@claim("registry.cmd-pull")
def test_after_a_pull_there_is_an_image_and_no_container(private: Private, greeting: Greeting) -> None:
    """It lies dormant until `docker run`."""
    private.there.run(f"docker rmi -f {greeting.name}")
    before = private.there.run("docker ps -aq").stdout
    pulled = private.there.run(f"docker pull {greeting.name} && docker images -q {greeting.name}")
    assert "Downloaded newer image" in pulled.stdout, pulled.expected("the image downloaded")
    assert private.there.run("docker ps -aq").stdout == before, pulled.expected("no container")
    ran = private.there.run(f"docker run --rm {greeting.name}")
    assert ran.stdout == f"{GREETING}\n", ran.expected("the greeting")


@claim("registry.name-decides-target")
def test_the_name_alone_decides_where_a_push_goes(private: Private, greeting: Greeting) -> None:
    """The same image under the name of a registry on this port and on one where none is: each push asks there."""
    assert f"The push refers to repository [{greeting.name}]" in greeting.pushed.stdout, greeting.pushed.expected(
        "the registry named"
    )
    nowhere = f"{private.here.address}:5001/greeting"
    pushed = private.here.run(f"docker tag {greeting.name} {nowhere} && docker push {nowhere}")
    assert f"dial tcp {private.here.address}:5001: connect: connection refused" in pushed.stderr, pushed.expected(
        "port 5001 asked"
    )


@claim("registry.cmd-rmi")
def test_rmi_removes_an_image_with_its_last_tag(private: Private) -> None:
    """`docker rmi`, refused while a container uses the image."""
    here = private.here
    here.run(r"printf 'FROM busybox\nRUN touch /here\n' | docker build -q -t tagged/once -t tagged/twice -")
    here.run("docker create --name user tagged/once")
    first = here.run("docker rmi tagged/twice")
    assert first.stdout == "Untagged: tagged/twice:latest\n", first.expected("nothing but the tag removed")
    used = here.run("docker rmi tagged/once")
    assert (used.rc, "conflict" in used.stderr) == (1, True), used.expected("a conflict with the container")
    last = here.run("docker rm user && docker rmi tagged/once")
    assert "Untagged: tagged/once:latest\nDeleted: sha256:" in last.stdout, last.expected("the image deleted")
    gone = here.run("docker inspect tagged/once")
    assert gone.rc == 1, gone.expected("no such image")


@claim("registry.cmd-images")
def test_images_lists_the_local_images(private: Private) -> None:
    """`docker images`; intermediate ones only with -a."""
    here = private.here
    before = listing(here.run("docker images"))
    dockerfile = r"FROM busybox\nLABEL step=1\nLABEL step=2\n"
    built = here.run(f"printf '{dockerfile}' | docker build -q -t listed/here:now -").stdout
    listed, all_of_them = here.run("docker images"), here.run("docker images -a")
    new = ("listed/here", "now", built.removeprefix("sha256:")[:12])
    assert listing(listed) - before == {new}, listed.expected("one line more, of the new image")
    assert "<none>" in all_of_them.stdout, all_of_them.expected("the intermediate image of the first step")
    assert "<none>" not in listed.stdout, listed.expected("no intermediate image without -a")


def listing(images: Result) -> set[tuple[str, ...]]:
    """The images that `docker images` lists: repository, tag and ID."""
    return {tuple(line.split()[:3]) for line in images.stdout.splitlines()[1:]}
