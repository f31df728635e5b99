"""Hello World in Go: run from source and built in the devbox, on the volume that it shares with its node.

The node is leased for the whole module, so no test in it may ask for another machine.
"""

from collections.abc import Iterator

import pytest

from fixtures.claims import as_written, claim
from testbed.cluster import Cluster
from testbed.transcript import Result
from tests.cluster.devbox import CLONE_DEMO, DEMO, GROUP, Workplace, workplace

pytestmark = GROUP

SHARED = "/media/state/shared"
HELLO = "hello World\n"


@pytest.fixture(scope="module")
def work(the_cluster: Cluster) -> Iterator[Workplace]:
    """The workplace."""
    with workplace(the_cluster) as place:
        yield place


@pytest.fixture(scope="module")
def cloned(work: Workplace) -> Result:
    """The clone of the workshop's repository, made in a devbox that is gone."""
    return work.clone_demo()


@pytest.fixture(params=["ordinary", "noexec"])
def volume(request: pytest.FixtureRequest, work: Workplace, cloned: Result) -> Workplace:
    """The workplace, once with the volume as it is, and once with it mounted as CoreOS had it."""
    assert cloned.rc == 0, cloned.expected("the repository cloned")
    if request.param == "noexec":
        request.getfixturevalue("noexec")
    return work


@pytest.fixture
def noexec(work: Workplace) -> Iterator[None]:
    """On the volume nothing may be executed."""
    mounted = work.node.run(f"sudo mount --bind {SHARED} {SHARED} && sudo mount -o remount,bind,noexec {SHARED}")
    assert mounted.rc == 0, mounted.expected("the volume mounted noexec")
    yield
    work.node.run(f"sudo umount {SHARED}")


@pytest.fixture(scope="module")
def built(work: Workplace, cloned: Result) -> Workplace:
    """The workplace, with the program built on the volume."""
    assert cloned.rc == 0, cloned.expected("the repository cloned")
    made = work.in_demo("go build hello.go")
    assert made.rc == 0, made.expected("the program built")
    return work


@claim("hello-go.clone-cododemo")
def test_the_repository_is_cloned_onto_the_shared_volume(work: Workplace, cloned: Result) -> None:
    """`git clone` in the devbox, from the testbed's git server; the node sees what it brought."""
    assert cloned.rc == 0, cloned.expected("exit code 0")
    files = work.node.run(f"cd {SHARED}/{DEMO} && ls && git -c safe.directory=* remote get-url origin")
    assert {"hello.go", "web.go", CLONE_DEMO.split()[2]} <= set(files.stdout.split()), files.expected("hello.go and web.go")


@claim("hello-go.go-run-hello")
def test_go_run_says_hello_world(volume: Workplace) -> None:
    """`go run hello.go`; it is built and run in /tmp, so that it does so on a volume mounted noexec too."""
    ran = volume.in_demo("go run hello.go")
    assert (ran.stdout, ran.rc) == (HELLO, 0), ran.expected("hello World")


@claim("hello-go.source-survives-container")
@pytest.mark.usefixtures("cloned")
def test_the_next_container_has_the_source_of_the_last(work: Workplace) -> None:
    """`exit`, and the same `docker run` again: another container, the same source, and it runs."""
    first, second = (work.in_demo("hostname && sha256sum hello.go && go run hello.go") for _ in range(2))
    assert first.stdout.endswith(HELLO), first.expected("hello World")
    (one, *source), (other, *source_again) = first.stdout.split(), second.stdout.split()
    assert other != one, second.expected(f"another container than {one}")
    assert source_again == source, second.expected(f"the same source as in the first, {source}, and that it runs")


@claim("hello-go.go-build-hello")
def test_go_build_makes_an_executable_file(volume: Workplace) -> None:
    """`go build hello.go`, then `ls -l`: all x bits are there, on a volume mounted noexec too."""
    mode = volume.in_demo("go build hello.go && stat -c %A hello")
    assert mode.stdout.strip() == "-rwxr-xr-x", mode.expected("a file with all x bits")


@as_written("hello-go.exec-from-volume-fails", fails_with=HELLO.strip())
def test_the_program_on_the_volume_may_not_be_run(built: Workplace) -> None:
    """`./hello`."""
    ran = built.in_demo("./hello")
    assert "Permission denied" in ran.stderr, ran.expected("Permission denied")


@claim("hello-go.exec-from-volume-fails")
def test_the_program_on_an_ordinary_volume_runs(built: Workplace) -> None:
    """`./hello`, on the nodes' ordinary directory."""
    ran = built.in_demo("./hello")
    assert (ran.stdout, ran.rc) == (HELLO, 0), ran.expected("hello World")


@claim("hello-go.exec-from-volume-fails")
@pytest.mark.usefixtures("noexec")
def test_the_program_on_a_volume_mounted_noexec_may_not_be_run(built: Workplace) -> None:
    """`./hello`, with the text's reason: /media mounted noexec, which the container's mount inherits."""
    ran = built.in_demo("findmnt -n -o VFS-OPTIONS -T . && ./hello")
    assert "noexec" in ran.stdout, ran.expected("a volume mounted noexec")
    assert (ran.rc, "Permission denied" in ran.stderr) == (126, True), ran.expected("exit code 126 and Permission denied")


@claim("hello-go.exec-from-home-works")
@pytest.mark.usefixtures("noexec")
def test_copied_home_the_same_program_runs(built: Workplace) -> None:
    """`cp hello ${HOME}`, `cd`, `./hello`, where it may not be run on the volume."""
    ran = built.in_demo("cp hello ${HOME} && cmp hello ~/hello && cd && ./hello")
    assert (ran.stdout, ran.rc) == (HELLO, 0), ran.expected("hello World")
