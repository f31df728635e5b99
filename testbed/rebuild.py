"""The nodes removed and made anew, for when a fault has left a cluster that does not heal."""

from testbed import guard, preparation, ssh
from testbed.cluster import Cluster, Say, start
from testbed.evidence import gather


def rebuild(cluster: Cluster, say: Say = print) -> None:
    """Make new nodes of the same names at the same addresses; boot2docker stays. Nobody may use a machine meanwhile.

    What the old ones said is kept in report/journals; what the new ones look like is what tests have to leave. Raises
    TestbedError when they do not come up.
    """
    gather(cluster.provider, [node.name for node in cluster.nodes], say, "before-rebuild")
    for node in cluster.nodes:
        ssh.disconnect(node.name)
        cluster.provider.destroy(node.name)
    preparation.renew_discovery(cluster.services.discovery)
    start(cluster, say)
    guard.keep_baselines(cluster.machines.values(), cluster.nodes[0])
