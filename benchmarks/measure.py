"""Bring-up against plain `docker run` of the same containers, and a command over ssh against `vagrant ssh`; medians, one run."""

import argparse
import json
import shlex
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from testbed import cluster, paths, preparation, processes, readiness
from testbed.options import Options, add_arguments, read
from testbed.vagrant import ENVIRONMENT
from testbed.wait import wait_until

COMMANDS = 50


def main() -> None:
    """Measure and print a table as it stands in the README."""
    parser = argparse.ArgumentParser(prog="benchmarks/bring_up", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="bring-ups of each kind (3)")
    add_arguments(parser.add_argument)
    arguments = parser.parse_args()
    options = read(vars(arguments).get)
    processes.mark()
    suite, plain = [], []
    for _ in range(arguments.rounds):
        plain.append(plain_docker_run(options))
        cluster.down()
        suite.append(cluster.up(options, quiet).bring_up_seconds)
    over_ssh, over_vagrant = over_master(), over_vagrant_ssh()
    cluster.down()
    print("| what | median | against | ratio |\n| --- | --- | --- | --- |")
    print(row("bring-up to quorum, engines and ssh", suite, "the same containers by plain `docker run`", plain, "s", 1))
    print(row("one command over ssh", over_ssh, "`vagrant ssh -c`", over_vagrant, "ms", 1000))


def plain_docker_run(options: Options) -> float:
    """Seconds from `docker run` of the same containers, side by side, until each is ready; no Vagrant, no ssh."""
    cluster.down()
    preparation.prepare(options, quiet)
    facts = json.loads(preparation.FACTS_FILE.read_text())
    started = time.monotonic()
    names = cluster.machine_names(options.nodes)
    with ThreadPoolExecutor(len(names)) as pool:
        list(pool.map(lambda i: run_container(facts, names[i], f"{facts['subnet']}.{cluster.FIRST_HOST + i}"), range(len(names))))
    return time.monotonic() - started


def run_container(facts: dict[str, Any], name: str, address: str) -> None:
    """Start one machine as the Vagrantfile would, and wait until it is ready."""
    kind = "boot2docker" if name == "boot2docker" else "node"
    user_data = f"{preparation.USER_DATA}:/media/configdrive/user-data:ro"
    of_node = ["--tmpfs=/run", "--tmpfs=/tmp", "-v", user_data] if kind == "node" else []
    environment = [f"-eAUTHORIZED_KEY={facts['authorized_key']}", f"-eREGISTRY_MIRROR={facts['registry_mirror']}"]
    options = ["-d", "-h", name, "--ip", address, *facts["create_args"], *environment, *of_node]
    subprocess.run(["docker", "run", *options, facts["images"][kind]], check=True, capture_output=True)
    conditions: list[Callable[[str], bool]] = [readiness.engine_answers, *([readiness.etcd_healthy] if of_node else [])]
    for condition in conditions:
        wait_until(partial(condition, address), name, seconds=90, every=0.05, not_yet=readiness.NOT_YET)


def over_master() -> list[float]:
    """Seconds of each of COMMANDS commands over the live master connection."""
    machine = cluster.demand_running().nodes[0]
    return [machine.quietly("true").seconds for _ in range(COMMANDS)]


def over_vagrant_ssh() -> list[float]:
    """Seconds of each of three commands by Vagrant."""
    command = ["env", *map("=".join, ENVIRONMENT.items()), *shlex.split("vagrant ssh core-01 -c true")]
    return [timed(lambda: subprocess.run(command, cwd=paths.ROOT, check=True, capture_output=True)) for _ in range(3)]


def timed(work: Callable[[], object]) -> float:
    started = time.monotonic()
    work()
    return time.monotonic() - started


def row(what: str, ours: list[float], against: str, theirs: list[float], unit: str, scale: int) -> str:
    """A line of the table."""
    mine, other = statistics.median(ours), statistics.median(theirs)
    return f"| {what} | {mine * scale:.1f} {unit} | {against}: {other * scale:.1f} {unit} | {mine / other:.3g} |"


def quiet(line: str) -> None:
    print(line, file=sys.stderr)


if __name__ == "__main__":
    main()
