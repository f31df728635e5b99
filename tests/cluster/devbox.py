"""The devbox: the workshop's lines that make it on a node, and the ways into it. Three chapters work there."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from shlex import quote

import pytest

from fixtures.machines import free_node, leased, tidied
from testbed.cluster import Cluster
from testbed.leases import Use
from testbed.machine import Machine
from testbed.transcript import Result

GROUP = pytest.mark.xdist_group("devbox")

GROUPADD = "sudo groupadd -g 1000 dev"
USERADD = "sudo useradd -d /home/dev -g 1000 -m -s /bin/bash -u 1000 dev"
SU = "sudo su - dev"
MKDIR = "sudo mkdir -p /media/state/shared/{bin,db,src,.ssh}"
TOUCH_HISTORY = "sudo touch /media/state/shared/.bash_history"
TOUCH_MAINTAINERCFG = "sudo touch /media/state/shared/.maintainercfg"
CHOWN_HIDDEN = "sudo chown -R dev:dev /media/state/shared/.*"
CHOWN = "sudo chown -R dev:dev /media/state/shared/"
MKDIR_SOURCE = "mkdir -p ${HOME}/src/bitbucket.org/rbucker"
CD_SOURCE = "cd ${HOME}/src/bitbucket.org/rbucker"
CLONE = "git clone https://bitbucket.org/rbucker/devbox.git"
CD_DEVBOX = "cd devbox"
BUILD = "docker build --rm -t=rbucker/devbox ."
RUN = "docker run -it -v /media/state/shared/:/var/shared/ rbucker/devbox /bin/bash"

IN_SOURCE = {CLONE: CD_SOURCE, BUILD: f"{CD_SOURCE} && {CD_DEVBOX}"}
LINES = (
    *(GROUPADD, USERADD, MKDIR, TOUCH_HISTORY, TOUCH_MAINTAINERCFG, CHOWN_HIDDEN, CHOWN),
    *(MKDIR_SOURCE, CLONE, BUILD),
)
UNDO = "rm -rf ~/src ~/.gitconfig; sudo rm -rf /media/state; sudo userdel --remove dev; sudo groupdel --force dev"
VOLUME = "-v /media/state/shared/:/var/shared/"
DEMO = "src/github.com/rbucker/cododemo"
CLONE_DEMO = f"git clone https://github.com/rbucker/cododemo.git ~/{DEMO}"
BRACKETED_PASTE = re.compile("\x1b\\[\\?2004[hl]\r?")


@dataclass(frozen=True)
class Workplace:
    """A node where the workshop's lines were typed, all but `su`; `typed` has what each of them did."""

    node: Machine
    git: str
    typed: Mapping[str, Result]

    def as_dev(self, command: str) -> Result:
        """What the command did in a login shell of the node's user dev."""
        return self.node.run(f"{SU} -c {quote(command)}")

    def in_box(self, command: str, options: str = "") -> Result:
        """What the command did in a new devbox, which is removed afterwards."""
        return self.node.run(f"docker run --rm {options} rbucker/devbox {command}")

    def in_demo(self, line: str, options: str = VOLUME) -> Result:
        """What a line of shell did in a new devbox, where the workshop's repository was cloned."""
        return self.in_box(f"bash -c {quote(f'cd {DEMO} && {line}')}", options)

    def clone_demo(self) -> Result:
        """What the clone of the workshop's repository did, in a devbox; GitHub is the testbed's git server."""
        setting = ("GIT_CONFIG_COUNT=1", f"GIT_CONFIG_KEY_0=url.{self.git}/.insteadOf", "GIT_CONFIG_VALUE_0=https://github.com/")
        return self.in_box(f"sh -c {quote(CLONE_DEMO)}", " ".join((VOLUME, *(f"-e {one}" for one in setting))))

    def in_shell(self, *lines: str) -> Result:
        """What the lines did that were typed into the shell that the workshop's last line opens on a terminal."""
        typed = "\n".join((*lines, "exit"))
        shell = self.node.run(f"script -qec {quote(RUN)} /dev/null <<'END'\n{typed}\nEND")
        return replace(shell, stdout=BRACKETED_PASTE.sub("", shell.stdout.replace("\r\n", "\n")))


@contextmanager
def workplace(cluster: Cluster) -> Iterator[Workplace]:
    """A node, alone, on which the lines were typed; the text's git servers are the testbed's, by git's own setting."""
    name = free_node(cluster)
    with leased(cluster, (name,), Use.ALONE) as held, tidied(*held.values()):
        node = held[name]
        git = cluster.services.git
        node.run(f"git config --global url.{git}/.insteadOf https://bitbucket.org/")
        try:
            yield Workplace(node, git, {line: node.run(f"{IN_SOURCE.get(line, ':')} && {line}") for line in LINES})
        finally:
            node.run(UNDO)
