"""All that machines are made from: images, the network and its services, a key, the era's programs, user-data."""

import json
from collections.abc import Callable
from dataclasses import replace
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

from testbed import discovery, era_binaries, images, paths, providers, services, ssh, subnets, userdata
from testbed.options import Options

FACTS_FILE = paths.STATE / "testbed.json"
USER_DATA = paths.STATE / "user-data"
TEMPLATE = paths.ROOT / "user-data.template"

Say = Callable[[str], object]


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
    subnet = subnets.find(paths.checkout_id()) if options.subnet == "auto" else IPv4Network(options.subnet)
    for_machines = services.start(tags["filled-services"], subnet, options.registry_port)
    url = read_facts().get("discovery_url") if _has_nodes() else None
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
        "era_binaries": str(_era_binaries(options.era_binaries)) if options.era_binaries else None,
        "authorized_key": ssh.make_key(),
        **provider.facts(),
    }
    FACTS_FILE.write_text(json.dumps(facts, indent=1))
    return for_machines


def _era_binaries(source: Path) -> Path:
    return era_binaries.demand_start(era_binaries.unpack(source), source)


def renew_discovery(service: str) -> None:
    """Have the nodes to come find one another by a fresh URL of that service: a used one serves no second cluster."""
    facts = read_facts()
    facts["discovery_url"] = discovery.fresh_url(service, facts["nodes"])
    USER_DATA.write_text(userdata.render(TEMPLATE, facts["discovery_url"]))
    FACTS_FILE.write_text(json.dumps(facts, indent=1))


def prepare_by_hand(options: Options, say: Say) -> None:
    """As prepare, for `vagrant up` by hand; raises TestbedError when the user's own user-data cannot start a cluster yet."""
    for_machines = prepare(options, say)
    userdata.demand_filled(paths.ROOT / "user-data", for_machines.discovery)


def as_prepared(options: Options) -> Options:
    """`options` for `vagrant up` by hand: what they leave at its default stays as it is, where there is something already."""
    facts = read_facts()
    if _has_nodes() and options.nodes == Options.nodes:
        options = replace(options, nodes=facts["nodes"])
    if _has_nodes() and options.era_binaries is None and facts.get("era_binaries"):
        options = replace(options, era_binaries=Path(facts["era_binaries"]))
    return options


def read_facts() -> dict[str, Any]:
    """What the Vagrantfile reads; empty where nothing is prepared."""
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
