"""A registry that nodes take for their own, which they need not be told to trust."""

from collections.abc import Iterator
from contextlib import contextmanager

from testbed.machine import Machine
from tests.cluster.steps import do


@contextmanager
def private_registry(registry: str, *nodes: Machine) -> Iterator[str]:
    """The registry at that host and port, as localhost:5000 of these nodes: their engines trust no other without TLS."""
    listen = "--unit=private-registry --socket-property=ListenStream=127.0.0.1:5000"
    try:
        for node in nodes:
            do(node, f"sudo systemd-run --quiet {listen} /lib/systemd/systemd-socket-proxyd {registry}")
        yield "localhost:5000"
    finally:
        for node in nodes:
            do(node, "sudo systemctl stop 'private-registry.*'")
