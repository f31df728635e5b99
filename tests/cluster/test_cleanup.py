"""What runs leave behind, how `docker ps -a` shows it and how to get rid of it: on an engine of its own, where all may be hit."""

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import pytest

from fixtures.claims import as_written, claim
from fixtures.machines import leased
from testbed.aged_images import load_aged
from testbed.cluster import Cluster
from testbed.leases import Use
from testbed.machine import Machine
from testbed.throwaway_engine import ThrowawayEngine, throwaway_engine
from testbed.transcript import Result

HELLO = "docker run hello-world"
RUNS = 6
REMOVE_ALL_STOPPED = "docker rm $(docker ps -a -q)"
REMOVE_ALL_UNTAGGED = 'docker rmi $(docker images | grep "^<none>" | awk "{print $3}")'
UNTAGGED = "docker images --quiet --no-trunc --filter dangling=true"
WEEK = timedelta(days=7)
DATA_CONTAINER = "docker run --name data -v /data busybox sh -c 'echo precious >/data/file'"
TEN_MB = 10_000_000

drilled = pytest.mark.xdist_group("breadcrumbs")


@dataclass(frozen=True)
class Breadcrumbs:
    """What was seen while hello-world was run, and after it."""

    hello: Result
    counts: tuple[int, ...]
    """Containers there were after each run, and after one more with --rm."""
    ids: tuple[str, ...]
    """The containers in the order in which they were made."""
    states: Result
    top: Result
    running: Result
    all: Result
    again: Result
    full_name: Result
    tag_moved: Result


@pytest.fixture(scope="module")
def crumbs(the_cluster: Cluster) -> Breadcrumbs:
    """hello-world run several times on an engine of its own."""
    with leased(the_cluster, ("core-02",), Use.SHARED) as held, throwaway_engine(held["core-02"]) as engine:
        ids: list[str] = []
        counts = []
        for command in [HELLO] * RUNS + ["docker run --rm hello-world"]:
            hello = engine.run(command)
            listed = engine.run("docker ps -a -q").stdout.split()
            ids += [listing for listing in listed if listing not in ids]
            counts.append(len(listed))
        return Breadcrumbs(
            hello=hello,
            counts=tuple(counts),
            ids=tuple(ids),
            states=engine.run("docker inspect -f '{{.State.Status}} {{.State.ExitCode}} {{.State.Pid}}' $(docker ps -a -q)"),
            top=engine.run("docker top $(docker ps -l -q)"),
            running=engine.run("docker ps"),
            all=engine.run("docker ps -a"),
            again=engine.run("docker start -a $(docker ps -l -q)"),
            full_name=engine.run("docker run hello-world:latest >/dev/null; docker ps -a -n 1"),
            tag_moved=engine.run("docker pull busybox >/dev/null; docker tag busybox hello-world; docker ps -a -n 1"),
        )


def _headings(listing: Result) -> dict[str, slice]:
    """Each heading of `docker ps` with its column's place in the lines; fields begin where their heading does."""
    found = list(re.finditer(r"\S+( \S+)*", listing.stdout.partition("\n")[0]))
    ends = [*[heading.start() for heading in found[1:]], None]
    return {heading[0]: slice(heading.start(), end) for heading, end in zip(found, ends, strict=False)}


def _column(listing: Result, heading: str) -> list[str]:
    place = _headings(listing).get(heading, slice(0))
    return [row[place].strip() for row in listing.stdout.splitlines()[1:]]


@pytest.fixture
def engine(docker_host: Machine) -> Iterator[ThrowawayEngine]:
    """An engine without images and containers, beside the machine's own."""
    with throwaway_engine(docker_host) as engine:
        yield engine


@drilled
@claim("cleanup.hello-exits")
def test_hello_world_prints_some_text_and_exits(crumbs: Breadcrumbs) -> None:
    """The command was just printing out hello and some other text before exiting."""
    lines = [line for line in crumbs.hello.stdout.splitlines() if line]
    assert lines[0] == "Hello from Docker!", crumbs.hello.expected("the greeting first")
    assert len(lines) > 5, crumbs.hello.expected("some more lines of text")
    assert crumbs.hello.rc == 0, crumbs.hello.expected("exit code 0")


@drilled
@claim("cleanup.terminal-state")
def test_container_of_hello_world_is_exited(crumbs: Breadcrumbs) -> None:
    """Container is in a terminal state. It is not final: `docker start -a` runs it again."""
    assert crumbs.states.stdout.splitlines() == ["exited 0 0"] * RUNS, crumbs.states.expected("exited, with 0, every one")
    assert "Hello from Docker!" in crumbs.again.stdout, crumbs.again.expected("the greeting once more")


@drilled
@claim("cleanup.not-running")
def test_exited_container_has_no_process(crumbs: Breadcrumbs) -> None:
    """Not running."""
    assert "is not running" in crumbs.top.stderr, crumbs.top.expected("docker top to find no process")


@drilled
@claim("cleanup.ps-empty")
def test_ps_lists_nothing_when_all_have_exited(crumbs: Breadcrumbs) -> None:
    """Running the ```docker ps``` command will return an empty list."""
    assert crumbs.running.stdout.startswith("CONTAINER ID"), crumbs.running.expected("the header line")
    assert _column(crumbs.running, "NAMES") == [], crumbs.running.expected("no row")


@drilled
@claim("cleanup.breadcrumbs")
def test_each_run_leaves_one_container_and_none_with_rm(crumbs: Breadcrumbs) -> None:
    """After running the command ```docker run hello-world``` multiple times the docker container did leave some breadcrumbs."""
    *by_run, after_rm = crumbs.counts
    assert by_run == [*range(1, RUNS + 1)], crumbs.hello.expected(f"one container more after each run, not {by_run}")
    assert after_rm == RUNS, crumbs.hello.expected(f"none more after a run with --rm, not {after_rm}")


@drilled
@claim("cleanup.cmd-ps-a")
def test_ps_a_lists_stopped_containers_too(crumbs: Breadcrumbs) -> None:
    """`$ docker ps -a`"""
    listed = _column(crumbs.all, "CONTAINER ID")
    assert len(listed) == RUNS, crumbs.all.expected(f"the {RUNS} stopped containers")


@drilled
@claim("cleanup.ps-a-columns")
def test_ps_a_prints_seven_columns(crumbs: Breadcrumbs) -> None:
    """`CONTAINER ID        IMAGE                COMMAND             CREATED             STATUS    PORTS    NAMES`"""
    wanted = ["CONTAINER ID", "IMAGE", "COMMAND", "CREATED", "STATUS", "PORTS", "NAMES"]
    assert list(_headings(crumbs.all)) == wanted, crumbs.all.expected(f"the columns {wanted}")


@drilled
@as_written("cleanup.ps-a-image-latest", fails_with="the image hello-world:latest, not {'hello-world'}")
def test_ps_a_shows_the_image_with_its_tag(crumbs: Breadcrumbs) -> None:
    """`hello-world:latest`, after `docker run hello-world`."""
    images = set(_column(crumbs.all, "IMAGE"))
    assert images == {"hello-world:latest"}, crumbs.all.expected(f"the image hello-world:latest, not {images}")


@drilled
@claim("cleanup.ps-a-image-latest")
def test_ps_a_shows_the_image_as_it_was_typed(crumbs: Breadcrumbs) -> None:
    """`docker run hello-world`, `docker run hello-world:latest`, and the tag given to another image."""
    assert set(_column(crumbs.all, "IMAGE")) == {"hello-world"}, crumbs.all.expected("hello-world as the image")
    assert _column(crumbs.full_name, "IMAGE") == ["hello-world:latest"], crumbs.full_name.expected("hello-world:latest")
    moved = "".join(_column(crumbs.tag_moved, "IMAGE"))
    assert re.fullmatch("[0-9a-f]{12}", moved), crumbs.tag_moved.expected(f"the image's ID, not {moved}")


@drilled
@claim("cleanup.ps-a-row-format")
def test_rows_have_id_command_age_and_exit_code(crumbs: Breadcrumbs) -> None:
    """`20f0c6dd1dc9        hello-world:latest   "/hello"            15 seconds ago      Exited (0) 14 seconds ago`"""
    formats = {"CONTAINER ID": "[0-9a-f]{12}", "COMMAND": '"/hello"', "CREATED": ".+ ago", "STATUS": r"Exited \(0\) .+ ago"}
    for heading, form in formats.items():
        good = [field for field in _column(crumbs.all, heading) if re.fullmatch(form, field)]
        assert len(good) == RUNS, crumbs.all.expected(f"{heading} to read {form} in every row")


@claim("cleanup.ps-a-no-ports")
@pytest.mark.usefixtures("tidy")
def test_exited_container_shows_no_ports(docker_host: Machine) -> None:
    """The column PORTS is empty, even of a container that had one published."""
    docker_host.run("docker run -d -p 8080:80 --name published busybox sleep 600")
    running, stop = docker_host.run("docker ps -a -n 1"), docker_host.run("docker stop -t 0 published")
    assert "8080->80/tcp" in "".join(_column(running, "PORTS")), running.expected("the port while it runs")
    exited = docker_host.run("docker ps -a -n 1")
    assert _column(exited, "PORTS") == [""], exited.expected(f"no port after: {stop.command}")


@drilled
@claim("cleanup.ps-a-random-names")
def test_names_are_an_adjective_and_a_surname(crumbs: Breadcrumbs) -> None:
    """`berserk_wright`, `angry_babbage`, `naughty_bohr`, `boring_nobel`, `naughty_poincare`, `jolly_bell`"""
    names = set(_column(crumbs.all, "NAMES"))
    assert len(names) == RUNS, crumbs.all.expected(f"{RUNS} different names")
    assert all(re.fullmatch(r"[a-z]+_[a-z]+\d?", name) for name in names), crumbs.all.expected("two words, joined by _, each")


@drilled
@claim("cleanup.ps-a-newest-first")
def test_ps_a_lists_the_newest_first(crumbs: Breadcrumbs) -> None:
    """`15 seconds ago`, `21 minutes ago`, … `2 hours ago`"""
    listed = _column(crumbs.all, "CONTAINER ID")
    assert listed, crumbs.all.expected("the stopped containers")
    assert listed == list(reversed(crumbs.ids)), crumbs.all.expected(f"the reverse of the order of runs, {crumbs.ids}")


@pytest.fixture
def running(engine: ThrowawayEngine) -> str:
    """The ID of the one container that runs, on an engine that has two stopped ones besides."""
    started = engine.run("docker run -d busybox sleep 600")
    engine.run("docker run busybox true; docker run busybox true")
    return started.stdout.strip()


@pytest.mark.shared
@as_written("cleanup.rm-all-stopped", fails_with="You cannot remove a running container")
@pytest.mark.usefixtures("running")
def test_line_removes_all_stopped_without_complaint(engine: ThrowawayEngine) -> None:
    """Remove all stopped containers: ```docker rm $(docker ps -a -q)```"""
    line = engine.run(REMOVE_ALL_STOPPED)
    assert line.rc == 0, line.expected("exit code 0")


@pytest.mark.shared
@claim("cleanup.rm-all-stopped")
def test_line_removes_the_stopped_and_is_refused_the_running(engine: ThrowawayEngine, running: str) -> None:
    """```docker rm $(docker ps -a -q)```"""
    line = engine.run(REMOVE_ALL_STOPPED)
    assert line.rc == 1, line.expected("exit code 1")
    left = engine.run("docker ps -a -q --no-trunc").stdout.split()
    assert left == [running], line.expected(f"the running container to be left, and no other than it, not {left}")


@pytest.mark.shared
@claim("cleanup.rm-all-stopped")
def test_prune_removes_the_stopped_without_complaint(engine: ThrowawayEngine, running: str) -> None:
    """`docker container prune`, the form of today."""
    prune = engine.run("docker container prune -f")
    assert prune.rc == 0, prune.expected("exit code 0")
    left = engine.run("docker ps -a -q --no-trunc").stdout.split()
    assert left == [running], prune.expected(f"the running container to be left, and no other than it, not {left}")


@pytest.mark.shared
@as_written("cleanup.rm-untagged", fails_with="invalid reference format")
def test_line_removes_untagged_images_without_complaint(engine: ThrowawayEngine) -> None:
    """Removed all untagged images: ```docker rmi $(docker images | grep "^<none>" | awk "{print $3}")```"""
    load_aged(engine, None, age=WEEK, id_begins="f")
    line = engine.run(REMOVE_ALL_UNTAGGED)
    assert line.rc == 0, line.expected("exit code 0")


@pytest.mark.shared
@claim("cleanup.rm-untagged")
def test_line_hands_every_word_to_rmi(engine: ThrowawayEngine) -> None:
    """In double quotes the shell empties `$3`, so awk prints the whole line, `<none> <none> fca087f85aac 7 days ago 1B`."""
    load_aged(engine, None, age=WEEK, id_begins="f")
    line = engine.run(REMOVE_ALL_UNTAGGED)
    assert engine.run(UNTAGGED).stdout == "", line.expected("no untagged image to be left")
    assert line.rc == 1, line.expected("exit code 1")
    assert "No such image: days" in line.stderr, line.expected("the word days to be taken for an image")


@pytest.fixture
def precious(engine: ThrowawayEngine) -> str:
    """The full ID of a tagged image that begins with 7, on an engine with an untagged image of 7 days ago."""
    load_aged(engine, None, age=WEEK, id_begins="f")
    return load_aged(engine, "precious", age=WEEK, id_begins="7")


@pytest.mark.shared
@as_written("cleanup.rm-untagged-hazard", fails_with="Untagged: precious:latest")
def test_line_removes_nothing_but_untagged_images(engine: ThrowawayEngine, precious: str) -> None:
    """Removed all untagged images: ```docker rmi $(docker images | grep "^<none>" | awk "{print $3}")```"""
    line = engine.run(REMOVE_ALL_UNTAGGED)
    left = engine.run("docker images -q --no-trunc")
    assert precious in left.stdout, line.expected("the tagged image to be left")


@pytest.mark.shared
@claim("cleanup.rm-untagged-hazard")
@pytest.mark.parametrize(
    ("age", "stray_word"),
    [(WEEK, "7"), (timedelta(seconds=75), "a")],
    ids=["7 days ago", "About a minute ago"],
)
def test_stray_word_removes_the_tagged_image_whose_id_begins_so(engine: ThrowawayEngine, age: timedelta, stray_word: str) -> None:
    """The words of CREATED count as beginnings of IDs."""
    load_aged(engine, None, age=age, id_begins="f")
    load_aged(engine, "precious", age=WEEK, id_begins=stray_word)
    line = engine.run(REMOVE_ALL_UNTAGGED)
    assert "Untagged: precious:latest" in line.stdout, line.expected(f"the image that begins with {stray_word} to go")
    assert engine.run("docker images -q precious").stdout == "", line.expected("that image to be gone")


@pytest.mark.shared
@claim("cleanup.rm-untagged-hazard")
@pytest.mark.parametrize(
    "safe_form",
    [
        """docker rmi $(docker images | grep "^<none>" | awk '{print $3}')""",
        "docker rmi $(docker images -q -f dangling=true)",
        "docker image prune -f",
    ],
)
def test_safe_forms_remove_untagged_images_only(engine: ThrowawayEngine, precious: str, safe_form: str) -> None:
    """The line in single quotes, docker's own filter, and the form of today."""
    line = engine.run(safe_form)
    assert line.rc == 0, line.expected("exit code 0")
    left = engine.run("docker images -a -q --no-trunc").stdout.split()
    assert left == [precious], line.expected(f"the tagged image {precious} to be left alone, not {left}")


@pytest.fixture
def data_container(engine: ThrowawayEngine) -> str:
    """The volume, without a name, of a stopped data-container called data."""
    engine.run(DATA_CONTAINER)
    return engine.run("docker inspect -f '{{(index .Mounts 0).Name}}' data").stdout.strip()


@pytest.mark.shared
@claim("cleanup.watch-data-containers")
def test_line_takes_data_containers_and_leaves_their_volumes(engine: ThrowawayEngine, data_container: str) -> None:
    """Watch out for persistent or data-containers."""
    line = engine.run(REMOVE_ALL_STOPPED)
    user = engine.run("docker run --rm --volumes-from data busybox cat /data/file")
    assert "No such container: data" in user.stderr, user.expected(f"the data-container to be gone after: {line.command}")
    volumes = engine.run("docker volume ls -q")
    assert volumes.stdout.split() == [data_container], volumes.expected(f"its volume {data_container}, and no other")


@pytest.mark.shared
@as_written("cleanup.refcount-zero-lost", fails_with="the data to be lost")
def test_data_is_lost_when_the_reference_count_reaches_zero(engine: ThrowawayEngine, data_container: str) -> None:
    """If the reference count reaches zero the data will be lost."""
    engine.run("docker rm data")
    read = engine.run(f"sudo cat {engine.data()}/volumes/{data_container}/_data/file")
    assert read.rc != 0, read.expected("the data to be lost")


@pytest.mark.shared
@claim("cleanup.refcount-zero-lost")
def test_data_outlives_its_last_container_until_a_prune(engine: ThrowawayEngine, data_container: str) -> None:
    """`docker rm`, `docker volume ls -f dangling=true`, `docker volume prune`."""
    engine.run("docker rm data")
    dangling = engine.run("docker volume ls -q -f dangling=true")
    assert dangling.stdout.split() == [data_container], dangling.expected(f"the volume {data_container}")
    read = engine.run(f"docker run --rm -v {data_container}:/data busybox cat /data/file")
    assert read.stdout == "precious\n", read.expected("the data")
    prune = engine.run("docker volume prune -f")
    assert engine.run("docker volume ls -q").stdout == "", prune.expected("no volume to be left")


@pytest.mark.shared
@claim("cleanup.artifacts-path")
def test_every_engine_keeps_its_things_in_var_lib_docker(machines: tuple[Machine, ...]) -> None:
    """Docker artifacts are stored here ```/var/lib/docker```"""
    for machine in machines:
        root = machine.run("docker info -f '{{.DockerRootDir}}'")
        assert root.stdout == "/var/lib/docker\n", root.expected("/var/lib/docker")


@claim("cleanup.artifacts-path")
@pytest.mark.usefixtures("tidy")
def test_images_containers_volumes_and_logs_lie_there(docker_host: Machine) -> None:
    """Docker artifacts are stored here ```/var/lib/docker```"""
    docker_host.run(DATA_CONTAINER)
    forms = ["{{.GraphDriver.Data.UpperDir}}", "{{(index .Mounts 0).Source}}", "{{.LogPath}}", "{{.HostsPath}}"]
    places = docker_host.run(f"docker inspect -f '{'{{println}}'.join(forms)}' data; docker inspect -f '{forms[0]}' busybox")
    folders = [path.split("/")[:5] for path in places.stdout.split()]
    kinds = ["overlay2", "volumes", "containers", "containers", "overlay2"]
    assert folders == [["", "var", "lib", "docker", kind] for kind in kinds], places.expected(f"folders for {kinds}")


@pytest.mark.shared
@claim("cleanup.watch-disk-usage")
def test_use_of_the_disk_grows_with_every_exercise_as_system_df_says(engine: ThrowawayEngine) -> None:
    """Watch your disk usage: an image, a container and a volume of 10 MB each, by `du` and by `docker system df`."""
    write = f"head -c {TEN_MB} /dev/urandom"
    steps = [
        f"printf 'FROM busybox\\nRUN {write} >/ten\\n' | docker build -q -",
        f"docker run busybox sh -c '{write} >/ten'",
        f"docker run -v /data busybox sh -c '{write} >/data/ten'",
    ]
    used = [_used(engine), *(_used(engine, step) for step in steps)]
    for (before, told_before), (after, told_after) in itertools.pairwise(used):
        assert after - before >= TEN_MB, f"{engine.machine}: expected 10 MB more after each step by du, but saw {used}"
        assert told_after - told_before == pytest.approx(TEN_MB, rel=0.1), (
            f"{engine.machine}: expected 10 MB more, but saw {used}"
        )


def _used(engine: ThrowawayEngine, step: str = "docker pull busybox") -> tuple[int, int]:
    """The bytes that the engine uses after a step, by `du` and by `docker system df`, which counts all that `du` finds."""
    done = engine.run(step)
    assert done.rc == 0, done.expected("exit code 0")
    seen = engine.run(f"sudo du -sb {engine.data()}")
    told = engine.run("docker system df --format '{{.Size}}'")
    return int(seen.stdout.split()[0]), sum(_bytes(size) for size in told.stdout.split())


def _bytes(size: str) -> int:
    number, unit = re.fullmatch(r"([\d.]+)(\D+)", size).groups()  # type: ignore[union-attr]  # docker prints it so
    return int(float(number) * {"B": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9}[unit])


@pytest.mark.shared
@claim("cleanup.easy-to-fill-host")
def test_one_container_fills_the_disk_and_stops_builds(docker_host: Machine) -> None:
    """It's easy to fill up the host drive: a container that writes 100 MB, on a disk of 40 MB."""
    with throwaway_engine(docker_host, megabytes=40) as engine:
        fill = engine.run("docker run --name greedy busybox dd if=/dev/zero of=/all bs=1M count=100")
        assert "No space left on device" in fill.stderr, fill.expected("the disk to be full")
        build = "printf 'FROM busybox\\nRUN head -c 1000000 /dev/zero >/one\\n' | docker build -"
        full = engine.run(build)
        assert "no space left on device" in full.stderr.lower(), full.expected("the build to find no space")
        engine.run("docker rm greedy")
        mended = engine.run(build)
        assert mended.rc == 0, mended.expected("the build to work again")
