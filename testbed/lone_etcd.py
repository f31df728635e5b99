"""An etcd of its own on a node, beside the cluster's: started as it is installed, on a network with nothing but loopback."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from testbed.machine import Machine
from testbed.transcript import Result

UNIT = "lone-etcd"


@dataclass(frozen=True)
class LoneEtcd:
    """A cluster of one, with etcd's default ports, that only commands on its own loopback reach."""

    node: Machine

    def run(self, command: str) -> Result:
        """What the command did on the network of this etcd, where 127.0.0.1 is its address; a command, not a shell's line."""
        return self.node.run(f"sudo nsenter --net --target $(systemctl show -P MainPID {UNIT}) {command}")


@contextmanager
def lone_etcd(node: Machine, *flags: str) -> Iterator[LoneEtcd]:
    """An etcd that is ready, started with no more than these flags; its data goes with it. Raises RuntimeError if it fails."""
    properties = f"--property=PrivateNetwork=yes --property=RuntimeDirectory={UNIT} --property=WorkingDirectory=/run/{UNIT}"
    started = node.run(f"sudo systemd-run --unit={UNIT} --collect --service-type=notify {properties} etcd {' '.join(flags)}")
    try:
        if started.rc != 0:
            raise RuntimeError(started.expected("etcd ready"))
        yield LoneEtcd(node)
    finally:
        node.run(f"sudo systemctl stop {UNIT}")
