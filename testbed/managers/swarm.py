"""Docker's swarm mode as the manager: every node's engine is one of the swarm's managers."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from docker.errors import APIError, NotFound
from docker.types import ContainerSpec, Mount, NetworkAttachmentConfig, Placement, RestartPolicy, ServiceMode, TaskTemplate
from requests import RequestException

from testbed.machine import Machine
from testbed.managers import ANNOUNCED_SECONDS, SERVICE_LABEL, SIDEKICK, Instance, ManagerError, Service, Spread
from testbed.wait import wait_until

NANOSECONDS = 1_000_000_000
# A node is lost after three heartbeats (swarmkit, manager/dispatcher).
HEARTBEAT_SECONDS = 2
NETWORKS = {"docker_gwbridge", "ingress"}
NETWORKS_SECONDS = 30
SOCKET = "/var/run/docker.sock"


@dataclass(frozen=True)
class Swarm:
    """See testbed.managers.Manager for what each method promises."""

    asked: Machine
    nodes: tuple[Machine, ...]
    name: str = "swarm"
    given: list[Service] = field(default_factory=list)

    def seen_from(self, machine: Machine) -> "Swarm":
        return replace(self, asked=machine)

    def set_up(self, nodes: Sequence[Machine]) -> None:
        first, *others = nodes
        with _asking(first):
            spec = first.docker.api.create_swarm_spec(dispatcher_heartbeat_period=HEARTBEAT_SECONDS * NANOSECONDS)
            first.docker.api.init_swarm(first.address, f"{first.address}:2377", swarm_spec=spec)
            token = first.docker.api.inspect_swarm()["JoinTokens"]["Manager"]

        def join(node: Machine) -> None:
            with _asking(node):
                # Not DockerClient.swarm: it inspects first, which fails on an engine that is in no swarm yet.
                node.docker.api.join_swarm([first.address], token, f"{node.address}:2377", node.address)

        with ThreadPoolExecutor(len(nodes)) as pool:
            list(pool.map(join, others))
            list(pool.map(_wait_for_networks, nodes))

    def machines(self) -> dict[str, bool]:
        ready = {node["Description"]["Hostname"]: _is_ready(node) for node in self._nodes()}
        return {machine.name: ready.get(machine.name, False) for machine in self.nodes}

    def reconnect(self, machine: Machine) -> None:
        """Its connections to the managers break, at which its engine opens new ones, and no container ends.

        An engine that signs on in the moment in which the leader gives up its former connection is listed as down for as long
        as the new one lasts: register waits in markNodeReady for the next batch of updates, and the former connection's timer
        goes off meanwhile (swarmkit, manager/dispatcher/dispatcher.go).
        """
        machine.run("sudo ss --kill --tcp --no-header state established dport = 2377")

    def leader(self) -> str:
        leading = (node for node in self._nodes() if node.get("ManagerStatus", {}).get("Leader"))
        return next((str(node["Description"]["Hostname"]) for node in leading), "")

    def start(self, service: Service) -> None:
        self.given.append(service)
        self._create(service)
        if service.announced:
            self._create(_sidekick(service))

    def stop(self, name: str) -> None:
        for each in (name + SIDEKICK, name):
            with suppress(NotFound):
                self._ask(partial(self.asked.docker.api.remove_service, each))

    def services(self) -> list[str]:
        names = (service["Spec"]["Name"] for service in self._ask(self.asked.docker.api.services))
        return sorted(name for name in names if not name.endswith(SIDEKICK))

    def instances(self, name: str) -> list[Instance]:
        hosts = {node["ID"]: node["Description"]["Hostname"] for node in self._nodes()}
        wanted = {"service": name, "desired-state": "running"}
        try:
            tasks = self._ask(partial(self.asked.docker.api.tasks, filters=wanted))
        except NotFound:
            return []
        found = [(hosts.get(task.get("NodeID", ""), ""), task["Status"]["State"]) for task in tasks]
        return [Instance(name, machine, state, state == "running") for machine, state in sorted(found)]

    def where(self, name: str) -> list[str]:
        return [instance.machine for instance in self.instances(name) if instance.running]

    def status(self, name: str) -> str:
        return self.asked.run(f"docker service ps --no-trunc {name}").output

    def logs(self, name: str) -> str:
        return self.asked.run(f"docker service logs --tail 50 {name}").output

    def _nodes(self) -> list[dict[str, Any]]:
        return list(self._ask(self.asked.docker.api.nodes))

    def _create(self, service: Service) -> None:
        everywhere = service.spread is Spread.EVERYWHERE
        mode = ServiceMode("global") if everywhere else ServiceMode("replicated", service.instances)
        task = self._task(service)
        self._ask(partial(self.asked.docker.api.create_service, task, name=service.name, mode=mode))

    def _task(self, service: Service) -> TaskTemplate:
        barred = [node.name for node in self.nodes if service.machines and node.name not in service.machines]
        return TaskTemplate(
            ContainerSpec(
                service.image,
                args=list(service.command) or None,
                env=[f"{name}={value}" for name, value in service.environment.items()],
                mounts=[_mount(volume) for volume in service.volumes],
                labels={SERVICE_LABEL: service.name},
                stop_grace_period=NANOSECONDS,
            ),
            placement=Placement(
                constraints=[f"node.hostname!={name}" for name in barred],
                maxreplicas=1 if service.spread is Spread.NEVER_TOGETHER else None,
            ),
            restart_policy=RestartPolicy("any", delay=int(service.restart_seconds * NANOSECONDS)),
            networks=[NetworkAttachmentConfig("host")],
        )

    def _ask(self, question: Callable[[], Any]) -> Any:
        with _asking(self.asked):
            return question()


def _wait_for_networks(node: Machine) -> None:
    """An engine makes them some time after it has joined, and they belong to what a test finds."""

    def made() -> bool:
        return {network["Name"] for network in node.docker.api.networks()} >= NETWORKS

    wait_until(made, f"{node}: swarm's networks {', '.join(sorted(NETWORKS))}", seconds=NETWORKS_SECONDS)


def _sidekick(service: Service) -> Service:
    """One on each machine, as swarm mode has no "on the same machine as": it announces what runs beside it."""
    return Service(
        service.name + SIDEKICK,
        "docker-register",
        environment={
            "KEY": service.announced,
            "PORT": str(service.port),
            "TTL": str(ANNOUNCED_SECONDS),
            "LABEL": f"{SERVICE_LABEL}={service.name}",
        },
        volumes=(f"{SOCKET}:{SOCKET}",),
        spread=Spread.EVERYWHERE,
        machines=service.machines,
    )


def _mount(volume: str) -> Mount:
    source, target, *options = volume.split(":")
    return Mount(target, source, type="bind" if source.startswith("/") else "volume", read_only="ro" in options)


def _is_ready(node: dict[str, Any]) -> bool:
    return bool(node["Status"]["State"] == "ready" and node["Spec"]["Availability"] == "active")


@contextmanager
def _asking(machine: Machine) -> Iterator[None]:
    """The engine's refusals and silence as ManagerError; that there is no such thing stays NotFound."""
    try:
        yield
    except NotFound:
        raise
    except APIError as error:
        raise ManagerError(f"{machine}: swarm says: {error.explanation}") from error
    except RequestException as error:
        raise ManagerError(f"{machine}: swarm gives no answer: {error}") from error
