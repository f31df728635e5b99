"""What a run ran on: the versions on every machine and on this host, asked for once, by one command a machine."""

import platform
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from testbed import engine, managers, paths, survey
from testbed.cluster import Cluster
from testbed.machine import Machine

QUESTIONS = {
    "docker": "docker version --format '{{.Server.Version}}'",
    "systemd": "systemctl --version | awk 'NR == 1 { print $2 }'",
    "etcd": r"""curl -sm 2 http://127.0.0.1:2379/version | sed 's/.*"etcdserver":"\([^"]*\)".*/\1/'""",
    "kernel": "uname -r",
    "system": '(. /etc/os-release; echo "$PRETTY_NAME")',
}
COMMAND = "; ".join(f'echo "{name}=$({question} 2>/dev/null)"' for name, question in QUESTIONS.items())


def gather(cluster: Cluster) -> dict[str, Any]:
    """The facts of a run on this cluster; a version that could not be had is an empty string."""
    with ThreadPoolExecutor(len(cluster.machines) + 1) as pool:
        vagrant = pool.submit(survey.vagrant_version)
        machines = dict(zip(cluster.machines, pool.map(of_machine, cluster.machines.values()), strict=True))
    return {
        "started": time.time(),
        "provider": cluster.provider_name,
        "nodes": len(cluster.nodes),
        "manager": manager_of(cluster),
        "lost_seconds": managers.LOST_SECONDS,
        "announced_seconds": managers.ANNOUNCED_SECONDS,
        "machines": machines,
        "host": {
            "docker": engine.info().version,
            "vagrant": vagrant.result() or "",
            "python": platform.python_version(),
            "suite": suite_version(),
        },
        "bring_up_seconds": cluster.bring_up_seconds,
    }


def of_machine(machine: Machine) -> dict[str, str]:
    """The answers to QUESTIONS."""
    lines = machine.quietly(COMMAND).stdout.splitlines()
    answers = dict(line.partition("=")[::2] for line in lines)
    return {name: answers.get(name, "").strip() for name in QUESTIONS}


def manager_of(cluster: Cluster) -> str:
    """The manager's name and, where it is no part of the engine, its version."""
    if cluster.manager_name != "fleet":
        return cluster.manager_name
    return f"fleet {cluster.nodes[0].quietly('fleetctl version').stdout.strip().rpartition(' ')[2]}".strip()


def suite_version() -> str:
    """The suite's commit, marked where the checkout differs from it; empty outside git."""
    command = ["git", "-C", str(paths.ROOT), "describe", "--always", "--dirty"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def versions(facts: dict[str, Any]) -> dict[str, str]:
    """Each product's version, as one line: those of all machines where they differ."""
    machines = facts.get("machines", {})
    seen = {name: " and ".join(sorted({one[name] for one in machines.values() if one.get(name)})) for name in QUESTIONS}
    return {
        "Docker": seen["docker"],
        "etcd": seen["etcd"],
        "systemd": seen["systemd"],
        "manager": facts.get("manager", ""),
        "Vagrant": facts.get("host", {}).get("vagrant", ""),
        "provider": facts.get("provider", ""),
        "system": seen["system"],
        "kernel": seen["kernel"],
        "suite": facts.get("host", {}).get("suite", ""),
    }
