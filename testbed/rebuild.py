"""The nodes removed and made anew, for when a fault has left a cluster that does not heal."""

from testbed import guard, preparation, ssh
from testbed.cluster import Cluster, Say, start


def rebuild(cluster: Cluster, say: Say = print) -> None:
    """Make new nodes of the same names at the same addresses; boot2docker stays. Nobody may use a machine meanwhile.

    What they look like then is what tests have to leave. Raises TestbedError when they do not come up.
    """
    for node in cluster.nodes:
        ssh.disconnect(node.name)
        cluster.provider.destroy(node.name)
    preparation.renew_discovery(cluster.services.discovery)
    start(cluster, say)
    for machine in cluster.machines.values():
        guard.keep_baseline(machine.name, guard.snapshot(machine))
    guard.keep_baseline("keys", guard.keys(cluster.nodes[0].address))
