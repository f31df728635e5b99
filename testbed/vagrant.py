"""Vagrant, called from this checkout: few calls, because each costs about two seconds of Ruby."""

import fcntl
import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import vagrant

from testbed import paths
from testbed.errors import TestbedError

QUICKER = {
    # No look on the internet for a newer Vagrant.
    "VAGRANT_CHECKPOINT_DISABLE": "1",
    # A tenth of a call's time goes into a heap that Ruby enlarges, and sweeps, as Vagrant loads (ruby(1), environment).
    "RUBY_GC_HEAP_INIT_SLOTS": "300000",
    # Its docker provider calls the docker program, which would collect the garbage of its own start (images/machine/go.conf).
    "GOGC": "400",
}
"""For every call of Vagrant."""
ENVIRONMENT = QUICKER | {
    # Tells the Vagrantfile that images, services, key and user-data are there, and that config.rb is not to be read.
    "CODODEMO_PREPARED": "1",
}
VANISHED = "No such object"
"""What `docker inspect` says of a container that is no more."""


def up(name: str | None = None) -> Iterator[str]:
    """`vagrant up` for one machine, or for all side by side; yields its lines, raises TestbedError with the last ones.

    It is run a second time when it stumbled over a container that somebody else had just removed: to find the ports in use,
    Vagrant's docker provider lists all of the host's containers, and then inspects each (plugins/providers/docker/driver.rb).
    """
    for attempt in (1, 2):
        lines: list[str] = []
        try:
            for line in _vagrant(stderr=subprocess.STDOUT).up(vm_name=name, stream_output=True):
                lines.append(line.rstrip())
                yield lines[-1]
            return
        except subprocess.CalledProcessError as error:
            if attempt == 2 or not any(VANISHED in line for line in lines):
                words = f"vagrant up ended with {error.returncode}: {' | '.join(filter(None, lines[-8:]))}"
                raise TestbedError(words) from error


def ssh_config() -> str:
    """`vagrant ssh-config` of all machines; raises TestbedError when Vagrant does not know them."""
    try:
        return str(_vagrant(stderr=subprocess.DEVNULL).ssh_config())
    except subprocess.CalledProcessError as error:
        problem = f"vagrant ssh-config ended with {error.returncode}"
        raise TestbedError(f"{problem}; `vagrant status` tells which machine is missing") from error


def forget() -> None:
    """Take this checkout's machines out of the index that Vagrant keeps of all machines of the user (`vagrant global-status`).

    Vagrant does so when it destroys a machine itself. It locks the index by this file (lib/vagrant/machine_index.rb).
    """
    home = Path(os.environ.get("VAGRANT_HOME", Path.home() / ".vagrant.d"))
    index = home / "data" / "machine-index" / "index"
    if not index.exists():
        return
    with index.with_name("index.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        known = json.loads(index.read_text())
        machines = {key: facts for key, facts in known["machines"].items() if facts["vagrantfile_path"] != str(paths.ROOT)}
        if machines != known["machines"]:
            index.write_text(json.dumps(known | {"machines": machines}))


def _vagrant(stderr: int) -> vagrant.Vagrant:
    return vagrant.Vagrant(str(paths.ROOT), env={**os.environ, **ENVIRONMENT}, err_cm=lambda: nullcontext(stderr))
