"""When a machine is ready: conditions that are polled, each with its own words for when it does not come true."""

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from threading import Event

import httpx

from testbed.errors import TestbedError
from testbed.machine import Machine
from testbed.managers import Manager, ManagerError
from testbed.plain_http import HTTP
from testbed.wait import WaitTimeout, wait_until

ENGINE_SECONDS = 120
QUORUM_SECONDS = 120
MANAGER_SECONDS = 60
SIGN_ON_SECONDS = 20
NOT_YET = (httpx.TransportError, ValueError, KeyError)


def engine_answers(address: str) -> bool:
    """Whether the Docker engine at `address` answers on TCP."""
    return HTTP.get(f"http://{address}:2375/_ping", timeout=2).text == "OK"


def etcd_healthy(address: str) -> bool:
    """Whether the etcd member at `address` says that it is healthy, which it is only with a quorum (etcd 3.4, /health)."""
    return str(HTTP.get(f"http://{address}:2379/health", timeout=2).json()["health"]) == "true"


def wait_for_members(*members: Machine) -> None:
    """Return when etcd is healthy on each of these nodes; raises WaitTimeout naming the node where it is not."""
    for member in members:
        healthy = partial(etcd_healthy, member.address)
        wait_until(healthy, f"{member}: its etcd is healthy", seconds=QUORUM_SECONDS, not_yet=NOT_YET)


def wait_for_manager(manager: Manager, *nodes: Machine) -> None:
    """Return when each of these nodes, asked itself, says that the manager can give work to all of them.

    Whoever is asked alone tells of a node that has just gone as if it were there. A node that lacks for long is reconnected
    once. Raises WaitTimeout naming those who lack.
    """

    def lacking(asked: Machine) -> list[Machine]:
        able = manager.seen_from(asked).machines()
        return [node for node in nodes if not able.get(node.name)]

    def all_listed(asked: Machine) -> bool:
        if names := ", ".join(node.name for node in lacking(asked)):
            raise ManagerError(f"{asked}: {manager.name} lists no {names} as ready")
        return True

    for node in nodes:
        what = f"{node}: {manager.name} lists {', '.join(node.name for node in nodes)}"
        listed = partial(wait_until, partial(all_listed, node), what, not_yet=(ManagerError,))
        try:
            listed(seconds=SIGN_ON_SECONDS)
        except WaitTimeout:
            with suppress(ManagerError):  # nobody leads, so no connection is to blame
                for each in lacking(node):
                    manager.reconnect(each)
            listed(seconds=MANAGER_SECONDS)


def wait_for_machine(
    name: str, address: str, *, given_up: Event | None = None, say: Callable[[str], object] = lambda _: None
) -> None:
    """Return when the machine's engine answers and, on a node, when etcd has a quorum; say each as it comes true.

    Raises WaitTimeout naming machine and condition, or TestbedError at once when the bring-up was `given_up`.
    """

    def wait_for(condition: Callable[[str], bool], words: str, seconds: float) -> None:
        def holds() -> bool:
            if given_up is not None and given_up.is_set():
                raise TestbedError(f"{name}: its bring-up was given up")
            return condition(address)

        wait_until(holds, f"{name}: {words}", seconds=seconds, not_yet=NOT_YET)
        say(f"{name:<12} {words}")

    if name != "boot2docker":
        wait_for(etcd_healthy, "etcd has a quorum", QUORUM_SECONDS)
    wait_for(engine_answers, "the engine answers", ENGINE_SECONDS)
