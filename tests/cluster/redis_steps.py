"""Steps that the chapters on Redis share: a server that is waited for, a question asked again, a hundred writes."""

from testbed.machine import Machine
from testbed.transcript import Result
from testbed.wait import settled
from tests.cluster.steps import do

SECONDS = 15
MANY = [str(number) for number in range(1, 101)]


def write_many(options: str = "") -> str:
    """The command, in a container of the image redis, that sets a hundred keys; it prints OK for each that is acknowledged."""
    return f"sh -c \"seq {len(MANY)} | sed 's/.*/set key:& &/' | redis-cli {options}\""


def read_many(options: str = "") -> str:
    """The command that prints the values of these keys, MANY when all are there."""
    return f"sh -c \"seq {len(MANY)} | sed 's/.*/get key:&/' | redis-cli {options}\""


def asked_until(machine: Machine, command: str, said: str, seconds: float | None = None) -> Result:
    """What the command did when it first printed `said`, else when it ran last; only that last run is in the transcript."""
    settled(lambda: machine.quietly(command).output, lambda output: said in output, seconds=seconds or SECONDS)
    return machine.run(command)


def serve(machine: Machine, options: str = "", arguments: str = "", name: str = "redis") -> None:
    """`docker run -d --name redis redis`; returns when the server answers inside its container."""
    started = do(machine, f"docker run -d --name {name} {options} redis {arguments}")
    asked = asked_until(machine, f"docker exec {name} redis-cli ping", "PONG")
    assert asked.stdout == "PONG\n", asked.expected(f"a server started by:\n{started}{machine.run(f'docker logs {name}')}\n")
