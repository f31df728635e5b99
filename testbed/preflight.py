"""Whether this host can carry the cluster: one check a function, over a survey's facts, each with the mend.

The standard library is enough, so that `./cododemo doctor` works before anything is installed.
"""

import ipaddress
from dataclasses import dataclass
from typing import Literal

from testbed import pairs, paths, subnets
from testbed.errors import TestbedError
from testbed.options import Options
from testbed.survey import GIB, Host, survey, version

MEMORY_NEEDED = 2 * GIB
INOTIFY_OF_A_MACHINE = 5
DISK_FOR_IMAGES = 6 * GIB
DISK_FOR_A_RUN = 2 * GIB
INSTALLS = "./cododemo check installs it, or: apt-get install"


@dataclass(frozen=True)
class Check:
    """One verdict: `warn` lets a run begin, `fail` does not."""

    name: str
    verdict: Literal["ok", "warn", "fail"]
    found: str
    mend: str = ""

    def __str__(self) -> str:
        return f"{self.name}: {self.found}" + (f"; {self.mend}" if self.mend else "")


def run(options: Options) -> list[Check]:
    """Every check's verdict on this host. Raises TestbedError only for options that cannot be meant."""
    options.validate()
    return judge(survey(options), options)


def demand(options: Options) -> None:
    """Raise TestbedError with the first failing check's line, if there is one."""
    for check in run(options):
        if check.verdict == "fail":
            raise TestbedError(str(check))


def judge(host: Host, options: Options) -> list[Check]:
    """Every check's verdict on the facts."""
    checks = [python(host), engine_answers(host)]
    if host.engine:
        checks.append(engine_is_local(host))
    checks += [docker_client(host), vagrant(host)]
    if host.engine and host.vagrant is not None:
        checks.append(engine_and_vagrant(host))
    checks += [tool("ssh", host.ssh, "openssh-client"), tool("git", host.git, "git"), cgroup(host), sys_resource(host)]
    checks += [
        memory(host),
        inotify(host, options),
        disk(host, "engine"),
        disk(host, "checkout"),
        subnet(host, options),
        port(host, options),
    ]
    return checks


def python(host: Host) -> Check:
    """The launcher has refused what is older than 3.11."""
    if host.venv:
        return Check("python", "ok", f"{host.python}, .venv is there")
    return Check("python", "warn", f"{host.python}, no .venv yet", "./cododemo check makes it")


def engine_answers(host: Host) -> Check:
    if host.engine:
        return Check("engine", "ok", str(host.engine))
    return Check("engine", "fail", host.silence, "./cododemo check installs and starts one on Debian and Ubuntu")


def engine_is_local(host: Host) -> Check:
    assert host.engine
    if host.engine.remote:
        mend = "use an engine whose networks this machine reaches: Docker Engine, run by root"
        return Check("engine is local", "fail", host.engine.remote, mend)
    if host.engine.host != host.name:
        mend = "the cluster's addresses must be reachable from here"
        return Check("engine is local", "warn", f"it runs on {host.engine.host}, this is {host.name}", mend)
    return Check("engine is local", "ok", f"on {host.name}")


def docker_client(host: Host) -> Check:
    """Vagrant's docker provider runs the client: it must be there and get an answer from the same engine."""
    if host.client is None:
        return Check("docker client", "fail", "not found", f"{INSTALLS} docker.io (from Debian 13 on: docker-cli)")
    if host.client_trouble:
        mend = "Vagrant speaks through the client, so install a client and an engine that go together"
        return Check("docker client", "fail", f"{host.client} cannot use the engine: {host.client_trouble}", mend)
    return Check("docker client", "ok", host.client)


def vagrant(host: Host) -> Check:
    if host.vagrant is None:
        return Check("vagrant", "fail", "not found", f"{INSTALLS} vagrant")
    if not version(host.vagrant):
        return Check("vagrant", "fail", "`vagrant --version` gives no version", "apt-get install --reinstall vagrant")
    return Check("vagrant", "ok", host.vagrant)


def engine_and_vagrant(host: Host) -> Check:
    """The pair of versions against what is known to be in the way."""
    assert host.engine
    assert host.vagrant is not None
    both = f"Docker {host.engine.version} and Vagrant {host.vagrant}"
    trouble = pairs.trouble(version(host.engine.version), version(host.vagrant))
    if trouble is None:
        return Check("engine and vagrant", "ok", f"{both} go together")
    verb = "do not go together" if trouble.verdict == "fail" else "were not tried together"
    return Check("engine and vagrant", trouble.verdict, f"{both} {verb}: {trouble.why}", trouble.mend)


def tool(name: str, where: str | None, package: str) -> Check:
    if where is None:
        return Check(name, "fail", "not found", f"{INSTALLS} {package}")
    return Check(name, "ok", where)


def cgroup(host: Host) -> Check:
    """Either mode will do; it is shown because limits and messages differ."""
    return Check("cgroup", "ok", f"v{host.engine.cgroup if host.engine else host.cgroup}")


def sys_resource(host: Host) -> Check:
    """Nothing of ours needs it; without it `docker run --privileged` is refused."""
    return Check("CAP_SYS_RESOURCE", "ok", "granted" if host.sys_resource else "not granted (and not needed)")


def memory(host: Host) -> Check:
    found = f"{host.memory / GIB:.1f} GiB free"
    if host.memory < MEMORY_NEEDED:
        return Check("memory", "fail", found, f"{MEMORY_NEEDED // GIB} GiB are needed: end something")
    return Check("memory", "ok", found)


def inotify(host: Host, options: Options) -> Check:
    """Without them a machine's systemd ends at once, with exit code 255 and no word in any log."""
    needed = INOTIFY_OF_A_MACHINE * (options.nodes + 1)
    found = f"{host.inotify_free} instances free for root"
    if host.inotify_free < needed:
        return Check("inotify", "fail", f"{found}, {needed} are needed", "sysctl fs.inotify.max_user_instances=1024")
    return Check("inotify", "ok", found)


def disk(host: Host, which: str) -> Check:
    path, free = host.disks[which]
    needed = DISK_FOR_A_RUN if host.images else DISK_FOR_IMAGES
    found = f"{free / GIB:.1f} GiB free at {path}"
    if free < needed:
        why = "a run" if host.images else "building the images"
        return Check(f"disk ({which})", "fail", f"nearly full: {found}", f"{why} needs {needed // GIB} GiB: free some")
    return Check(f"disk ({which})", "ok", found)


def subnet(host: Host, options: Options) -> Check:
    """The wanted network, or else any, against the host's routes and the engine's networks, but for this checkout's own."""
    taken = subnets.taken(host.networks, host.routes, paths.checkout_id())
    free = subnets.free(taken)
    if options.subnet == "auto":
        if free is None:
            return Check("subnet", "fail", subnets.NONE_FREE, subnets.CHOOSE)
        return Check("subnet", "ok", f"{free} is free")
    clash = subnets.clash(ipaddress.IPv4Network(options.subnet), taken)
    if clash is None:
        return Check("subnet", "ok", f"{options.subnet} is free")
    mend = f"take another: --subnet {free or 'ADDRESS/24'}; what another checkout left there goes with its own ./cododemo down"
    return Check("subnet", "fail", f"{options.subnet} is in use by {clash}", mend)


def port(host: Host, options: Options) -> Check:
    if options.registry_port == 0:
        return Check("registry port", "ok", "any that is free")
    if not host.port_free:
        return Check("registry port", "fail", f"{options.registry_port} is in use", "take another, or --registry-port 0")
    return Check("registry port", "ok", f"{options.registry_port} is free")
