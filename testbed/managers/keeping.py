"""Services given to the manager for a while: started and waited for, stopped and seen to be gone."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from testbed.machine import Machine
from testbed.managers import SERVICE_LABEL, SIDEKICK, Manager, Service, Spread
from testbed.plain_http import HTTP
from testbed.wait import wait_until

START_SECONDS = 40
STOP_SECONDS = 40
ANSWER_SECONDS = 5


@contextmanager
def kept_running(manager: Manager, nodes: Sequence[Machine], *services: Service) -> Iterator[None]:
    """These services run meanwhile, each with all its instances and announced; at the end they are cleared away."""
    try:
        for service in services:
            manager.start(service)
        for service in services:
            wait_until_running(manager, service)
        yield
    finally:
        clear(manager, nodes, services)


def wait_until_running(manager: Manager, service: Service) -> None:
    """Return when as many instances as are wanted run and are announced; raises WaitTimeout with the manager's own words."""
    wanted = service.instances
    if service.spread is Spread.EVERYWHERE:
        wanted = len(service.machines or manager.machines())

    def runs() -> bool:
        announced_all = not service.announced or len(announced(manager, service)) == wanted
        return announced_all and len(manager.where(service.name)) == wanted

    def words() -> str:
        return f"{manager.name}: {wanted} of {service.name} run: {manager.status(service.name)}"

    wait_until(runs, words, seconds=START_SECONDS)


def clear(manager: Manager, nodes: Sequence[Machine], services: Sequence[Service]) -> None:
    """Stop these services; returns when none of these nodes has a container of theirs and etcd has none of their keys.

    Raises WaitTimeout naming what is left.
    """
    for service in services:
        manager.stop(service.name)
    for service in services:
        for node in nodes:
            gone = partial(_none_left, node, service.name)
            wait_until(gone, f"{node}: the containers of {service.name} are gone", seconds=STOP_SECONDS)
        if service.announced:
            # A sidekick that was killed leaves a key that would live on for some seconds.
            HTTP.delete(_keys(manager, service), params={"recursive": "true"}, timeout=ANSWER_SECONDS)


def announced(manager: Manager, service: Service) -> dict[str, str]:
    """Where the service's instances say that they are, ADDRESS:PORT by the machine's name, as etcd tells on the asked machine."""
    answer = HTTP.get(_keys(manager, service), params={"recursive": "true"}, timeout=ANSWER_SECONDS).json()
    return {key["key"].rpartition("/")[2]: key["value"] for key in answer.get("node", {}).get("nodes", [])}


def _keys(manager: Manager, service: Service) -> str:
    return f"http://{manager.asked.address}:4001/v2/keys{service.announced}"


def _none_left(node: Machine, name: str) -> bool:
    """Whether nothing is left; what is gets killed, as swarm mode takes six seconds to end and remove it."""
    wanted = (name, name + SIDEKICK)
    found = node.docker.api.containers(all=True, filters={"label": SERVICE_LABEL})
    left = [container["Id"] for container in found if container["Labels"][SERVICE_LABEL] in wanted]
    if left:
        node.quietly(f"docker rm --force --volumes {' '.join(left)}")
    return not left
