"""The workshop's cluster: brought up, found again by other processes, and taken down."""

import json
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import cached_property, partial
from ipaddress import IPv4Network

from testbed import era_binaries, managers, paths, preparation, processes, providers, readiness, scratch, services, ssh
from testbed.errors import TestbedError
from testbed.evidence import gather
from testbed.machine import SSH_CONFIG, Machine
from testbed.options import Options

STATE_FILE = paths.STATE / "cluster.json"
FIRST_HOST = 100

Say = Callable[[str], object]


@dataclass(frozen=True)
class Cluster:
    """A running cluster, as any process of the checkout sees it."""

    addresses: dict[str, str]
    provider_name: str
    manager_name: str
    services_address: str
    bring_up_seconds: float

    @cached_property
    def provider(self) -> providers.Provider:
        return providers.make(self.provider_name)

    @property
    def discovery_url(self) -> str:
        """Where its nodes found one another."""
        return str(preparation.read_facts()["discovery_url"])

    @property
    def manager(self) -> managers.Manager:
        """What keeps services running on the nodes, asked through the first of them."""
        return managers.make(self.manager_name, self.nodes)

    @cached_property
    def machines(self) -> dict[str, Machine]:
        """boot2docker and the nodes, by name."""
        return {name: Machine(name, address, user_of(name)) for name, address in self.addresses.items()}

    @property
    def nodes(self) -> tuple[Machine, ...]:
        return tuple(machine for name, machine in self.machines.items() if name != "boot2docker")

    @property
    def services(self) -> services.Services:
        return services.Services(self.services_address)

    def machine(self, name: str) -> Machine:
        """The machine of that name; raises TestbedError naming those there are."""
        if name not in self.machines:
            raise TestbedError(f"machine {name}: there is none; there are {', '.join(self.machines)}")
        return self.machines[name]


def running() -> Cluster | None:
    """The cluster that is up, or None."""
    return Cluster(**json.loads(STATE_FILE.read_text())) if STATE_FILE.exists() else None


def demand_running() -> Cluster:
    """The cluster that is up; raises TestbedError when none is."""
    cluster = running()
    if cluster is None:
        raise TestbedError("no cluster is up; bring it up with ./cododemo up")
    return cluster


def found(say: Say) -> Cluster | None:
    """The cluster that is up, or None; one that is off as a whole, as after a restart of the host, is taken down first.

    Raises TestbedError when some of its machines are off.
    """
    cluster = running()
    if cluster is None:
        return None
    off = [name for name in cluster.machines if not cluster.provider.is_on(name)]
    if len(off) == len(cluster.machines):
        say("the cluster that was up is off, as after a restart of the host; it is made anew")
        down()
        return None
    if off:
        raise TestbedError(f"{', '.join(off)}: off; start them with vagrant up, or take the cluster down with ./cododemo down")
    return cluster


def demand_manager(cluster: Cluster, options: Options) -> None:
    """Raise TestbedError when the cluster that is up has another manager than was asked for."""
    if options.asks_for_manager and options.manager_name != cluster.manager_name:
        raise TestbedError(
            f"--manager {options.manager_name}: the cluster that is up has {cluster.manager_name};"
            " take it down with ./cododemo down, or leave the option out"
        )


def up(options: Options, say: Say = print) -> Cluster:
    """Bring the cluster up and return it when every machine is ready.

    Raises TestbedError, after gathering the machines' journals in report/journals, when it does not come up.
    """
    if running() is not None:
        raise TestbedError("a cluster of this checkout is up already; take it down with ./cododemo down")
    preparation.demand_inputs(options)
    down()
    started = time.monotonic()
    one_at_a_time = threading.Lock()

    def progress(line: str) -> None:
        with one_at_a_time:
            say(f"{time.monotonic() - started:6.1f} s  {line}")

    try:
        for_machines = preparation.prepare(options, progress)
        begun = time.monotonic()
        subnet = IPv4Network(f"{for_machines.address}/24", strict=False)
        addresses = {name: str(subnet[FIRST_HOST + i]) for i, name in enumerate(machine_names(options.nodes))}
        cluster = Cluster(addresses, options.provider, options.manager_name, for_machines.address, 0)
        start(cluster, progress)
    except BaseException:
        if options.keep == "never":
            down()
        raise
    seconds = round(time.monotonic() - begun, 2)
    cluster = replace(cluster, bring_up_seconds=seconds)
    STATE_FILE.write_text(json.dumps(asdict(cluster), indent=1))
    progress(f"all machines are ready; from vagrant up to here {seconds} s")
    return cluster


def down() -> None:
    """Remove everything that was made for this checkout, also what a killed run left; nothing there is no error."""
    STATE_FILE.unlink(missing_ok=True)
    ssh.disconnect_all()
    processes.end_ours()
    scratch.remove()
    for name in providers.KNOWN:
        providers.make(name).remove()
    for file in (ssh.KEY, ssh.KEY.with_suffix(".pub"), SSH_CONFIG, preparation.USER_DATA, preparation.FACTS_FILE):
        file.unlink(missing_ok=True)
    for folder in (paths.STATE / "run", era_binaries.FOLDER):
        shutil.rmtree(folder, ignore_errors=True)


def shell(name: str, command: list[str]) -> int:
    """A shell on a machine, or one command; returns its exit code."""
    demand_running().machine(name)
    return subprocess.call(["ssh", "-F", str(SSH_CONFIG), *(["-t"] if os.isatty(0) else []), name, *command])


def machine_names(nodes: int) -> list[str]:
    """The names of the machines of a cluster with so many nodes."""
    return ["boot2docker", *(f"core-{i:02}" for i in range(1, nodes + 1))]


def user_of(name: str) -> str:
    """The user that one is on that machine, as on the original: docker on boot2docker, core on CoreOS."""
    return "docker" if name == "boot2docker" else "core"


def start(cluster: Cluster, say: Say) -> None:
    """Start the machines that are not there, from what is prepared; returns when all are ready, and one cluster.

    Vagrant starts them; meanwhile each one's conditions are polled, so that none waits for another. Raises TestbedError, after
    gathering the machines' journals.
    """
    try:
        _start_and_wait(cluster.provider, cluster.addresses, say)
        cluster.manager.set_up(cluster.nodes)
        readiness.wait_for_manager(cluster.manager, *cluster.nodes)
        say(f"{cluster.manager_name} lists every node")
    except TestbedError as error:
        gather(cluster.provider, list(cluster.addresses), say)
        if silent := cluster.services.silent():
            raise TestbedError(f"services: {silent} does not answer any more; {error}") from error
        raise


def _start_and_wait(provider: providers.Provider, addresses: dict[str, str], say: Say) -> None:
    with ThreadPoolExecutor(len(addresses)) as pool, _set_on_failure(threading.Event()) as given_up:
        wait = partial(readiness.wait_for_machine, given_up=given_up, say=say)
        ready = [pool.submit(wait, name, address) for name, address in addresses.items()]
        for _ in provider.up():
            continue
        say("Vagrant has started every machine")
        ssh.write_config(provider.ssh_config())
        for machine in ready:
            machine.result()
        list(pool.map(ssh.connect, addresses))
        say("every machine answers by ssh")


@contextmanager
def _set_on_failure(event: threading.Event) -> Iterator[threading.Event]:
    try:
        yield event
    except BaseException:
        event.set()
        raise
