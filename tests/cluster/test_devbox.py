"""devbox: the workshop's lines typed on one node, from the user dev to a shell in the container, and what they brought.

The node is leased for the whole module, so no test in it may ask for another machine; test_devbox_machines.py does.
"""

from collections.abc import Iterator
from shlex import quote

import pytest

from fixtures.claims import as_written, claim
from testbed.cluster import Cluster
from tests.cluster.devbox import (
    BUILD,
    CD_DEVBOX,
    CD_SOURCE,
    CHOWN,
    CHOWN_HIDDEN,
    CLONE,
    GROUP,
    GROUPADD,
    MKDIR,
    MKDIR_SOURCE,
    RUN,
    SU,
    TOUCH_HISTORY,
    TOUCH_MAINTAINERCFG,
    USERADD,
    VOLUME,
    Workplace,
    workplace,
)

pytestmark = GROUP


@pytest.fixture(scope="module")
def work(the_cluster: Cluster) -> Iterator[Workplace]:
    """The workplace."""
    with workplace(the_cluster) as place:
        yield place


@pytest.fixture
def copy(work: Workplace) -> Iterator[str]:
    """A folder like /media/state, all root's, with a neighbour of `shared` that is nobody's business."""
    folder = "/tmp/copy-of-state"
    work.node.run(f"sudo mkdir -p {folder}/shared/.ssh {folder}/units && sudo touch {folder}/shared/.bash_history")
    yield folder
    work.node.run(f"sudo rm -rf {folder}")


def owners(work: Workplace, folder: str) -> dict[str, str]:
    """The owner of everything below the folder, by its path from there; the folder itself is `.`."""
    found = work.node.run(f"cd {folder} && sudo find . -printf '%p %u\\n'")
    return dict(line.removeprefix("./").rsplit(" ", 1) for line in found.stdout.splitlines())


@claim("devbox.shykes-devbox")
def test_one_can_develop_in_a_devbox(work: Workplace) -> None:
    """It has what a developer needs: git, Go and curl, for an ordinary user."""
    versions = work.in_box("sh -c 'git --version && go version && curl --version && id -un'")
    assert versions.stdout.splitlines()[-1:] == ["dev"], versions.expected("git, go and curl telling their versions to dev")


@claim("devbox.shykes-build-run-execute")
def test_a_devbox_runs_a_command_and_a_shell(work: Workplace) -> None:
    """Build the container, run it with a command, execute shell commands in it."""
    command = work.in_box("sh -c 'echo $((6*7))'")
    assert command.stdout == "42\n", command.expected("42 from the command")
    shell = work.in_shell("echo $((6*7))")
    assert "\n42\n" in shell.stdout, shell.expected("42 from the command typed into the shell")


@claim("devbox.rbucker-devbox")
def test_the_repository_has_a_dockerfile_and_a_documentation(work: Workplace) -> None:
    """A Dockerfile with a little more tooling, and some documentation."""
    files = work.node.run(f"{CD_SOURCE} && {CD_DEVBOX} && git ls-files")
    assert {"Dockerfile", "README.md"} <= set(files.stdout.split()), files.expected("Dockerfile and README.md in the repository")


@claim("devbox.rbucker-tools-included")
def test_every_tool_of_the_documentation_is_there(work: Workplace) -> None:
    """The README lists the tools, one a line."""
    tools = work.node.run(f"{CD_SOURCE} && {CD_DEVBOX} && grep -o '^- `.*`' README.md | tr -d '`-'").stdout.split()
    assert len(tools) > 5, f"{work.node}: expected a list of tools in the README, but saw {tools}"
    lacking = work.in_box(f"sh -c 'for tool in {' '.join(tools)}; do command -v $tool >/dev/null || echo $tool; done'")
    assert (lacking.stdout, lacking.rc) == ("", 0), lacking.expected("no tool lacking")


@claim("devbox.same-uid-gid")
@pytest.mark.parametrize("place", ["node", "box"])
def test_a_file_of_one_dev_belongs_to_the_other(work: Workplace, place: str) -> None:
    """dev of the host and dev of the container are both 1000:1000, so each may change what the other wrote."""
    shared = "/media/state/shared/src"
    if place == "box":
        work.in_box("sh -c 'umask 077; echo box >/var/shared/src/box'", VOLUME)
        seen = work.as_dev(f"stat -c %U:%G {shared}/box && echo node >>{shared}/box && cat {shared}/box")
    else:
        work.as_dev(f"umask 077; echo node >{shared}/node")
        seen = work.in_box("sh -c 'cd /var/shared/src && stat -c %U:%G node && echo box >>node && cat node'", VOLUME)
    wanted = {"dev:dev", "node", "box"}
    assert set(seen.stdout.split()) == wanted, seen.expected("a file of dev:dev, read and written by the other dev too")


@claim("devbox.groupadd-dev")
def test_groupadd_makes_the_group_1000(work: Workplace) -> None:
    """`sudo groupadd -g 1000 dev`, once; the second time the name is taken."""
    assert work.typed[GROUPADD].rc == 0, work.typed[GROUPADD].expected("exit code 0")
    group = work.node.run("getent group dev")
    assert group.stdout == "dev:x:1000:\n", group.expected("the group dev with gid 1000")
    again = work.node.run(GROUPADD)
    assert again.rc == 9, again.expected("exit code 9, as the group exists")


@claim("devbox.useradd-dev")
def test_useradd_makes_the_user_1000_with_home_and_bash(work: Workplace) -> None:
    """`sudo useradd -d /home/dev -g 1000 -m -s /bin/bash -u 1000 dev`; nobody can log in with a password."""
    assert work.typed[USERADD].rc == 0, work.typed[USERADD].expected("exit code 0")
    user = work.node.run("getent passwd dev; stat -c %u:%g /home/dev; sudo passwd -S dev | cut -d' ' -f2")
    assert user.stdout.split() == ["dev:x:1000:1000::/home/dev:/bin/bash", "1000:1000", "L"], user.expected("dev, home, locked")


@claim("devbox.su-dev")
def test_su_opens_a_shell_of_dev_in_its_home(work: Workplace) -> None:
    """`sudo su - dev`."""
    shell = work.node.run(f"{SU} <<'END'\nid -un\npwd\necho $0 $SHELL\nEND")
    assert shell.stdout.split("\n")[:3] == ["dev", "/home/dev", "-bash /bin/bash"], shell.expected("a login bash of dev at home")


@as_written("devbox.order-of-su", fails_with="a password is required")
def test_the_lines_after_su_work_in_the_order_of_the_text(work: Workplace) -> None:
    """`sudo su - dev`, then the `sudo` lines, typed one after the other."""
    typed = work.node.run(f"{SU} <<'END'\n{MKDIR}\nEND")
    assert typed.rc == 0, typed.expected("the directories made")


@claim("devbox.order-of-su")
def test_after_su_one_may_not_use_sudo(work: Workplace) -> None:
    """The same `mkdir` line: dev is asked for a password that it does not have, core is not."""
    dev = work.as_dev(f"{MKDIR} 2>&1")
    assert (dev.rc, "password" in dev.stdout) == (1, True), dev.expected("that dev is asked for a password")
    core = work.node.run(MKDIR)
    assert core.rc == 0, core.expected("the line to work for core")


@claim("devbox.mkdir-shared")
def test_braces_make_four_directories_in_bash(work: Workplace, copy: str) -> None:
    """`sudo mkdir -p /media/state/shared/{bin,db,src,.ssh}`; dash makes one, with the braces in its name."""
    assert work.typed[MKDIR].rc == 0, work.typed[MKDIR].expected("exit code 0")
    made = work.node.run("sudo find /media/state/shared -mindepth 1 -maxdepth 1 -type d -printf '%f\\n'")
    assert set(made.stdout.split()) == {"bin", "db", "src", ".ssh"}, made.expected("bin, db, src and .ssh")
    dash = work.node.run(f"sh -c {quote(MKDIR.replace('/media/state', copy))}; ls {copy}/shared")
    assert dash.stdout == "{bin,db,src,.ssh}\n", dash.expected("one directory with braces in its name")


@claim("devbox.touch-bash-history")
def test_the_next_devbox_knows_what_was_typed_in_the_last(work: Workplace) -> None:
    """`sudo touch /media/state/shared/.bash_history`, which the home in the container links to."""
    assert work.typed[TOUCH_HISTORY].rc == 0, work.typed[TOUCH_HISTORY].expected("exit code 0")
    first = work.in_shell("echo typed in the first box")
    on_node = work.as_dev("cat /media/state/shared/.bash_history")
    assert "echo typed in the first box" in on_node.stdout, on_node.expected(f"the line that was typed in\n{first}")
    second = work.in_shell("history")
    assert "  echo typed in the first box\n" in second.stdout, second.expected("the first box's line in the history")


@claim("devbox.touch-maintainercfg")
def test_the_devbox_finds_an_empty_maintainercfg(work: Workplace) -> None:
    """`sudo touch /media/state/shared/.maintainercfg`, which the home in the container links to."""
    assert work.typed[TOUCH_MAINTAINERCFG].rc == 0, work.typed[TOUCH_MAINTAINERCFG].expected("exit code 0")
    file = work.in_box("stat -L -c '%F, %U' .maintainercfg", VOLUME)
    assert file.stdout == "regular empty file, dev\n", file.expected("an empty file of dev")


@as_written("devbox.chown-hidden", fails_with="'units'")
@pytest.mark.parametrize("shell", ["sh -c", "bash +O globskipdots -c"], ids=["dash", "bash before 5.2"])
def test_chown_of_hidden_changes_only_hidden_entries(work: Workplace, copy: str, shell: str) -> None:
    """`sudo chown -R dev:dev /media/state/shared/.*` by a shell of 2014, on a copy."""
    work.node.run(f"{shell} {quote(CHOWN_HIDDEN.replace('/media/state', copy))}")
    changed = {path for path, owner in owners(work, copy).items() if owner == "dev"}
    assert changed == {"shared/.ssh", "shared/.bash_history"}, f"{work.node}: {shell} changed the owner of {sorted(changed)}"


@claim("devbox.chown-hidden")
@pytest.mark.parametrize("shell", ["sh -c", "bash +O globskipdots -c"], ids=["dash", "bash before 5.2"])
def test_dots_match_the_folder_above_in_older_shells(work: Workplace, copy: str, shell: str) -> None:
    """`.*` is `..` as well, so that everything beside `shared` goes to dev; shown on a copy."""
    work.node.run(f"{shell} {quote(CHOWN_HIDDEN.replace('/media/state', copy))}")
    kept = {path for path, owner in owners(work, copy).items() if owner != "dev"}
    assert not kept, f"{work.node}: expected {shell} to change the owner of everything, but it left {sorted(kept)}"


@claim("devbox.chown-hidden")
def test_dots_match_hidden_entries_only_in_bash_5_2(work: Workplace, copy: str) -> None:
    """The same line in the node's own shell, whose globskipdots is on."""
    work.node.run(CHOWN_HIDDEN.replace("/media/state", copy))
    changed = {path for path, owner in owners(work, copy).items() if owner == "dev"}
    assert changed == {"shared/.ssh", "shared/.bash_history"}, f"{work.node}: the line changed the owner of {sorted(changed)}"


@claim("devbox.chown-shared")
def test_all_on_the_volume_belongs_to_dev(work: Workplace) -> None:
    """`sudo chown -R dev:dev /media/state/shared/`; the container's dev may then write in each directory."""
    assert work.typed[CHOWN].rc == 0, work.typed[CHOWN].expected("exit code 0")
    others = work.node.run(r"sudo find /media/state/shared \( ! -uid 1000 -o ! -gid 1000 \) -print")
    assert others.stdout == "", others.expected("nothing that belongs to anybody else")
    directories = "/var/shared /var/shared/bin /var/shared/db /var/shared/src /var/shared/.ssh"
    written = work.in_box(f"sh -ec 'for d in {directories}; do mktemp $d/XXXX | xargs rm; done'", VOLUME)
    assert written.rc == 0, written.expected("a file made and removed in each directory")


@claim("devbox.storage-volume")
def test_the_storage_is_a_directory_that_outlives_containers(work: Workplace) -> None:
    """A plain directory on the disk, which lasts; it is no volume of Docker's."""
    work.in_box("sh -c 'echo lasting >/var/shared/db/kept'", VOLUME)
    kept = work.node.run("cat /media/state/shared/db/kept; docker volume ls -q; findmnt -n -o FSTYPE -T /media/state/shared")
    text, *volumes, file_system = kept.stdout.split()
    assert (text, volumes) == ("lasting", []), kept.expected("the file, and no volume")
    assert file_system != "tmpfs", kept.expected("a file system that a reboot keeps")


@claim("devbox.dev-unprivileged")
@pytest.mark.parametrize("command", ["sudo -n true", "docker ps", "touch /etc/by-dev", "systemctl restart docker"])
def test_dev_may_do_nothing_privileged(work: Workplace, command: str) -> None:
    """The dev user has no special rights on the host, in so far as core, who has, does the same with success."""
    refused = work.as_dev(command)
    assert refused.rc != 0, refused.expected("a refusal")
    assert any(word in refused.stderr for word in ("password", "denied", "authentication")), refused.expected("lack of rights")


@claim("devbox.dev-own-files")
def test_dev_may_change_its_own_files_and_no_others(work: Workplace) -> None:
    """Except modify the files and folders assigned to it."""
    folders = "/home/dev /media/state/shared/bin /media/state/shared/db /media/state/shared/src /media/state/shared/.ssh"
    own = work.as_dev(f"for d in {folders}; do echo 1 >$d/own && echo 2 >>$d/own && rm $d/own || exit 1; done")
    assert own.rc == 0, own.expected("files made, changed and removed")
    others = work.as_dev("touch /media/state/others")
    assert "Permission denied" in others.stderr, others.expected("that dev may not write beside its own folders")


@claim("devbox.mkdir-src")
def test_mkdir_makes_the_source_directory(work: Workplace) -> None:
    """`mkdir -p ${HOME}/src/bitbucket.org/rbucker`; with -p a second time is no error."""
    assert work.typed[MKDIR_SOURCE].rc == 0, work.typed[MKDIR_SOURCE].expected("exit code 0")
    again = work.node.run(f"{MKDIR_SOURCE} && stat -c '%F %U' ~/src/bitbucket.org/rbucker")
    assert again.stdout == "directory core\n", again.expected("a directory of core")


@claim("devbox.cd-src")
def test_one_can_change_into_the_source_directory(work: Workplace) -> None:
    """`cd ${HOME}/src/bitbucket.org/rbucker`."""
    there = work.node.run(f"{CD_SOURCE} && pwd")
    assert there.stdout == "/home/core/src/bitbucket.org/rbucker\n", there.expected("the new directory")


@claim("devbox.git-clone-devbox")
def test_git_clones_the_devbox(work: Workplace) -> None:
    """`git clone https://bitbucket.org/rbucker/devbox.git`, by insteadOf from the testbed's git server."""
    assert work.typed[CLONE].rc == 0, work.typed[CLONE].expected("exit code 0")
    origin = work.node.run(f"{CD_SOURCE}/devbox && git config remote.origin.url && git rev-parse --verify HEAD")
    assert origin.stdout.startswith("https://bitbucket.org/rbucker/devbox.git\n"), origin.expected("bitbucket as origin")
    assert origin.rc == 0, origin.expected("a commit")


@claim("devbox.cd-devbox")
def test_one_can_change_into_the_clone(work: Workplace) -> None:
    """`cd devbox`."""
    there = work.node.run(f"{CD_SOURCE} && {CD_DEVBOX} && git rev-parse --show-toplevel")
    assert there.stdout == "/home/core/src/bitbucket.org/rbucker/devbox\n", there.expected("the clone's top directory")


@claim("devbox.build-devbox")
def test_core_builds_the_devbox(work: Workplace) -> None:
    """`docker build --rm -t=rbucker/devbox .`; dev may not."""
    built = work.typed[BUILD]
    assert "Successfully tagged rbucker/devbox:latest" in built.stdout, built.expected("the image tagged")
    dev = work.as_dev(f"cd /media/state/shared && touch Dockerfile && {BUILD}; rm Dockerfile")
    assert "permission denied" in dev.stderr, dev.expected("that dev may not speak to the engine")


@claim("devbox.run-devbox")
def test_run_opens_a_shell_with_the_volume(work: Workplace) -> None:
    """`docker run -it -v /media/state/shared/:/var/shared/ rbucker/devbox /bin/bash`."""
    shell = work.in_shell("id -un; ls -mA /var/shared")
    assert "dev@" in shell.stdout, shell.expected("a prompt")
    wanted = "\ndev\n.bash_history, .maintainercfg, .ssh, bin, db, src\n"
    assert wanted in shell.stdout, shell.expected("dev, and the entries of /media/state/shared")
    container = work.node.docker.containers.list(all=True, limit=1)[0].attrs["Mounts"]
    seen = [(mount["Type"], mount["Source"].rstrip("/"), mount["Destination"].rstrip("/"), mount["RW"]) for mount in container]
    assert seen == [("bind", "/media/state/shared", "/var/shared", True)], f"{work.node}: the container's mounts are {seen}"


@claim("devbox.run-devbox")
def test_run_needs_a_terminal(work: Workplace) -> None:
    """The same line where there is no terminal, as in a script."""
    refused = work.node.run(f"{RUN} </dev/null")
    assert (refused.rc, refused.stderr) == (1, "the input device is not a TTY\n"), refused.expected("the want of a terminal")


@claim("devbox.interactive-shell")
def test_it_gives_an_interactive_shell(work: Workplace) -> None:
    """`-it` and `/bin/bash` as last word; with -i alone there is no terminal."""
    shell = work.in_shell("tty; [[ $- == *i* ]] && echo interactive")
    assert "\n/dev/pts/0\n" in shell.stdout, shell.expected("a terminal")
    assert "\ninteractive\n" in shell.stdout, shell.expected("an interactive shell")
    piped = work.node.run("echo tty | docker run --rm -i rbucker/devbox /bin/bash")
    assert piped.stdout == "not a tty\n", piped.expected("no terminal with -i alone")


@claim("devbox.default-user-dev")
def test_in_the_devbox_one_is_dev(work: Workplace) -> None:
    """Without -u: the image says so."""
    who = work.in_box("sh -c 'id; echo $HOME; pwd'")
    assert who.stdout.splitlines() == ["uid=1000(dev) gid=1000(dev) groups=1000(dev)", "/home/dev", "/home/dev"], who.expected(
        "dev"
    )
