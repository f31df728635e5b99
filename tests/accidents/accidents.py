"""Five ways in which a machine may be in the wrong state by accident. Each undoes what it did.

A machine of the testbed shares the kernel's clock with the host, so its clock cannot be an hour off: its time zone and its `date`
are. A disk is full where something is written: each such folder is a file system that takes no file any more.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from testbed.faults import demand
from testbed.machine import Machine

FULL = ("/tmp", "/var/lib/docker/tmp", "/var/lib/docker/containers", "/media")
TELLTALE = "another image of this name"
DATE = "/var/tmp/date"


@dataclass(frozen=True)
class Sample:
    """A claim of the sample, words in the name of its test, and the names of an image and a container that this test uses."""

    claim: str
    tests: str = ""
    image: str = "busybox"
    container: str = "web"


Accident = Callable[[tuple[Machine, ...], Sample], AbstractContextManager[None]]


@contextmanager
def _done(machines: tuple[Machine, ...], do: str, undo: str) -> Iterator[None]:
    with ThreadPoolExecutor(len(machines)) as pool:
        try:
            list(pool.map(lambda machine: demand(machine, do), machines))
            yield
        finally:
            list(pool.map(lambda machine: machine.run(undo), machines))


def image(machines: tuple[Machine, ...], sample: Sample) -> AbstractContextManager[None]:
    """An image of the workshop's name has another content: whatever is asked of it, it only says so."""
    dockerfile = f'FROM busybox\\nENTRYPOINT ["echo", "{TELLTALE}"]\\n'
    build = f"printf '{dockerfile}' | DOCKER_BUILDKIT=0 docker build -q -t {sample.image} -"
    return _done(machines, f"docker pull -q busybox && {build}", f"docker rmi -f {sample.image}")


def container(machines: tuple[Machine, ...], sample: Sample) -> AbstractContextManager[None]:
    """A container of the chapter's name has been left, and runs."""
    name = sample.container
    return _done(machines, f"docker run -d --name {name} busybox sleep 3600", f"docker rm -f {name}")


def user(machines: tuple[Machine, ...], _: Sample) -> AbstractContextManager[None]:
    """There is a user dev already, and somebody else has the numbers that the devbox's dev is to get."""
    do = "sudo useradd -M -u 2000 dev && sudo groupadd -g 1000 somebody && sudo useradd -M -u 1000 -g 1000 somebody"
    return _done(machines, do, "sudo userdel dev; sudo userdel somebody; sudo groupdel dev; sudo groupdel somebody")


def disk(machines: tuple[Machine, ...], _: Sample) -> AbstractContextManager[None]:
    """No file can be written any more where the engine and the tests write most."""
    mounts = " && ".join(f"sudo mount -t tmpfs -o size=4k,nr_inodes=1,mode=1777 full {folder}" for folder in FULL)
    return _done(machines, mounts, "; ".join(f"sudo umount {folder}" for folder in FULL))


def clock(machines: tuple[Machine, ...], _: Sample) -> AbstractContextManager[None]:
    """Local time is an hour ahead, and `date` is, in each zone."""
    script = f'#!/bin/sh\\nexec {DATE}.true -d "+1 hour" "$@"\\n'
    do = (
        "sudo ln -sfn /usr/share/zoneinfo/Etc/GMT-1 /etc/localtime && "
        f"sudo cp /usr/bin/date {DATE}.true && printf '{script}' | sudo tee {DATE} >/dev/null && sudo chmod +x {DATE} && "
        f"sudo mount --bind {DATE} /usr/bin/date"
    )
    undo = f"sudo umount /usr/bin/date; sudo rm {DATE} {DATE}.true; sudo ln -sfn /usr/share/zoneinfo/Etc/UTC /etc/localtime"
    return _done(machines, do, undo)


ACCIDENTS: dict[str, Accident] = {"image": image, "container": container, "user": user, "disk": disk, "clock": clock}
SAYS = {
    "image": (TELLTALE,),
    "container": ("is already in use by container",),
    "user": ("already exists", "not unique", "somebody"),
    "disk": ("No space left on device", "no space left on device"),
    "clock": ("clock",),
}
"""By these words a message tells of the accident."""
