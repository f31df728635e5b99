"""Units for fleet, as the workshop's texts write them: a service's own, and those of the sidekick that announces it in etcd."""

from collections.abc import Mapping

from testbed.managers import ANNOUNCED_SECONDS, SERVICE_LABEL, SIDEKICK, Service, Spread

# The member of this very machine: one that is cut off has no quorum, so its keys end with their lifetime.
KEYS = "http://127.0.0.1:4001/v2/keys"


def files(service: Service, addresses: Mapping[str, str]) -> dict[str, str]:
    """The unit files that `service` needs, by name; `addresses` are those of all nodes, by their names."""
    at = "@" if is_template(service) else ""
    found = {f"{service.name}{at}.service": _unit(service, addresses)}
    if service.announced:
        found[f"{service.name}{SIDEKICK}{at}.service"] = _sidekick(service, addresses)
    return found


def started(service: Service) -> list[str]:
    """The names of the units to start: the files' own, or for templates those of the instances."""
    names = [service.name, service.name + SIDEKICK] if service.announced else [service.name]
    numbers = [f"@{number}" for number in range(1, service.instances + 1)] if is_template(service) else [""]
    return [f"{name}{number}.service" for number in numbers for name in names]


def service_of(unit: str) -> str:
    """The name of the service that the unit, or the template, serves, be it its own or its sidekick's."""
    return unit.removesuffix(".service").partition("@")[0].removesuffix(SIDEKICK)


def is_template(service: Service) -> bool:
    return service.instances > 1 and service.spread is not Spread.EVERYWHERE


def quoted(word: str) -> str:
    """The word as one of a unit's command line, with nothing in it that systemd would put something else for."""
    for special, plain in (("\\", "\\\\"), ('"', '\\"'), ("%", "%%"), ("$", "$$")):
        word = word.replace(special, plain)
    return f'"{word}"'


def _unit(service: Service, addresses: Mapping[str, str]) -> str:
    container = _container(service)
    options = [f"--label {SERVICE_LABEL}={service.name}"]
    options += [f"-e {quoted(f'{name}={value}')}" for name, value in service.environment.items()]
    options += [f"-v {quoted(volume)}" for volume in service.volumes]
    command = " ".join([*options, service.image, *map(quoted, service.command)])
    return f"""[Unit]
Description={service.name}
After=docker.service
Requires=docker.service
StartLimitIntervalSec=0

[Service]
EnvironmentFile=/etc/environment
TimeoutStartSec=0
Restart=always
RestartSec={service.restart_seconds:g}
ExecStartPre=-/usr/bin/docker kill {container}
ExecStartPre=-/usr/bin/docker rm {container}
ExecStart=/usr/bin/docker run --rm --name {container} --net=host {command}
ExecStop=/usr/bin/docker stop -t 1 {container}
{_where(service, addresses)}"""


def _where(service: Service, addresses: Mapping[str, str]) -> str:
    lines = []
    if service.spread is Spread.EVERYWHERE:
        lines.append("Global=true")
    elif service.spread is Spread.NEVER_TOGETHER and is_template(service):
        lines.append(f"Conflicts={service.name}@*.service")
    # Several values of one key are alternatives.
    lines += [f"MachineMetadata=address={addresses.get(name, name)}" for name in service.machines]
    return "".join(f"{line}\n" for line in ["", "[X-Fleet]", *lines]) if lines else ""


def _sidekick(service: Service, addresses: Mapping[str, str]) -> str:
    """It looks at the container, not at the unit: a unit that waits for its restart is no server.

    So nothing binds the two but the machine. A unit that has to wait until another one has stopped would not be stopped by fleet
    but by its main process's SIGTERM: fleetd removes its file at once, and systemd then knows no ExecStop any more.
    """
    key = f"{KEYS}{service.announced}/%H"
    runs = f'docker inspect -f "{{{{.State.Running}}}}" {_container(service)} 2>/dev/null | grep -q true'
    put = f"curl -sf -m 2 -o /dev/null {key} -XPUT -d value=$COREOS_PRIVATE_IPV4:{service.port} -d ttl={ANNOUNCED_SECONDS}"
    delete = f"curl -s -m 2 -o /dev/null {key} -XDELETE"
    loop = f"while true; do if {runs}; then {put}; else {delete}; fi; sleep 1; done"
    everywhere = service.spread is Spread.EVERYWHERE
    together = _where(service, addresses) if everywhere else f"\n[X-Fleet]\nMachineOf={_main(service)}\n"
    return f"""[Unit]
Description=Announces {service.name} in etcd
After=docker.service

[Service]
EnvironmentFile=/etc/environment
Restart=always
ExecStart=/bin/sh -c '{loop.replace("$", "$$")}'
ExecStopPost=/bin/sh -c '{delete}'
{together}"""


def _container(service: Service) -> str:
    return f"{service.name}-%i" if is_template(service) else service.name


def _main(service: Service) -> str:
    return f"{service.name}@%i.service" if is_template(service) else f"{service.name}.service"
