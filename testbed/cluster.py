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
from typing import Any

from testbed import discovery, images, paths, processes, providers, readiness, scratch, services, ssh, userdata
from testbed.errors import TestbedError
from testbed.evidence import gather
from testbed.machine import SSH_CONFIG, Machine
from testbed.options import Options

STATE_FILE = paths.STATE / "cluster.json"
FACTS_FILE = paths.STATE / "testbed.json"
USER_DATA = paths.STATE / "user-data"
TEMPLATE = paths.ROOT / "user-data.template"
FIRST_HOST = 100

Say = Callable[[str], object]


@dataclass(frozen=True)
class Cluster:
    """A running cluster, as any process of the checkout sees it."""

    addresses: dict[str, str]
    provider_name: str
    discovery_url: str
    services_address: str
    bring_up_seconds: float

    @cached_property
    def provider(self) -> providers.Provider:
        return providers.make(self.provider_name)

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


def demand_inputs(options: Options) -> None:
    """Raise TestbedError for a template or a discovery URL that no cluster can come of, before anything is started."""
    userdata.render(TEMPLATE, "https://discovery.etcd.io/0")
    if options.discovery not in ("private", "public"):
        discovery.demand_unused(options.discovery)


def prepare(options: Options, say: Say) -> services.Services:
    """Make all that machines are made from: images, network, services, a key, a discovery URL, user-data.

    What is there already stays, as machines may stand on it; only where no node exists, the discovery URL is a fresh one.
    """
    paths.STATE.mkdir(exist_ok=True)
    tags = images.ensure(say)
    provider = providers.make(options.provider)
    for_machines = services.start(tags["filled-services"], IPv4Network(options.subnet), options.registry_port)
    url = _facts().get("discovery_url") if _has_nodes() else None
    if url is None:
        url = _discovery_url(options, for_machines)
        USER_DATA.write_text(userdata.render(TEMPLATE, url))
    facts = {
        "checkout": paths.checkout_id(),
        "subnet": for_machines.address.rsplit(".", 1)[0],
        "nodes": options.nodes,
        "images": {"node": tags["node"], "boot2docker": tags["boot2docker"]},
        "registry_mirror": for_machines.registry,
        "discovery_url": url,
        "authorized_key": ssh.make_key(),
        **provider.facts(),
    }
    FACTS_FILE.write_text(json.dumps(facts, indent=1))
    return for_machines


def prepare_by_hand(options: Options, say: Say) -> None:
    """As prepare, for `vagrant up` by hand; raises TestbedError when the user's own user-data cannot start a cluster yet."""
    for_machines = prepare(options, say)
    userdata.demand_filled(paths.ROOT / "user-data", for_machines.discovery)


def as_prepared(options: Options) -> Options:
    """`options` for `vagrant up` by hand: what they leave at its default stays as it is, where there is something already."""
    facts = _facts()
    if facts and options.subnet == Options.subnet:
        options = replace(options, subnet=f"{facts['subnet']}.0/24")
    if _has_nodes() and options.nodes == Options.nodes:
        options = replace(options, nodes=facts["nodes"])
    return options


def up(options: Options, say: Say = print) -> Cluster:
    """Bring the cluster up and return it when every machine is ready.

    Raises TestbedError, after gathering the machines' journals in report/journals, when it does not come up.
    """
    if running() is not None:
        raise TestbedError("a cluster of this checkout is up already; take it down with ./cododemo down")
    demand_inputs(options)
    down()
    started = time.monotonic()
    one_at_a_time = threading.Lock()

    def progress(line: str) -> None:
        with one_at_a_time:
            say(f"{time.monotonic() - started:6.1f} s  {line}")

    subnet = IPv4Network(options.subnet)
    addresses = {name: str(subnet[FIRST_HOST + i]) for i, name in enumerate(machine_names(options.nodes))}
    provider = providers.make(options.provider)
    try:
        for_machines = prepare(options, progress)
        begun = time.monotonic()
        _bring_up(provider, addresses, progress)
    except BaseException:
        if options.keep == "never":
            down()
        raise
    seconds = round(time.monotonic() - begun, 2)
    cluster = Cluster(addresses, options.provider, _facts()["discovery_url"], for_machines.address, seconds)
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
    for file in (ssh.KEY, ssh.KEY.with_suffix(".pub"), SSH_CONFIG, USER_DATA, FACTS_FILE):
        file.unlink(missing_ok=True)
    shutil.rmtree(paths.STATE / "run", ignore_errors=True)


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


def _facts() -> dict[str, Any]:
    return dict(json.loads(FACTS_FILE.read_text())) if FACTS_FILE.exists() else {}


def _has_nodes() -> bool:
    """Whether Vagrant knows of any node, running or not."""
    return any((paths.ROOT / ".vagrant" / "machines").glob("core-*/*/id"))


def _discovery_url(options: Options, for_machines: services.Services) -> str:
    if options.discovery == "private":
        return discovery.fresh_url(for_machines.discovery, options.nodes)
    if options.discovery == "public":
        return discovery.fresh_url(discovery.PUBLIC, options.nodes)
    return options.discovery


def _bring_up(provider: providers.Provider, addresses: dict[str, str], say: Say) -> None:
    """Vagrant starts the machines; meanwhile each one's conditions are polled, so that none waits for another."""
    try:
        _start_and_wait(provider, addresses, say)
    except TestbedError:
        gather(provider, list(addresses), say)
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
