"""Which engines and Vagrants do not go together."""

from dataclasses import dataclass
from typing import Literal

Version = tuple[int, ...]


@dataclass(frozen=True)
class Pair:
    """Engines from `engine_from` to below `engine_below` and Vagrants below `vagrant_below`; empty means no limit."""

    engine_from: Version
    engine_below: Version
    vagrant_below: Version
    verdict: Literal["warn", "fail"]
    why: str
    mend: str


# What of Vagrant's docker provider does not go with which engine, judged by what our Vagrantfile asks of it.
# Two known troubles are not listed, because our Vagrantfile goes round them: machines made as ours are came up, were found
# by ssh, reloaded and destroyed with Debian 12's 20.10.24 and an engine 29.7.2 built from its sources under Vagrant 2.3.4,
# and with Debian 13's 26.1.5 under its Vagrant 2.3.8.dev.
# - Engines from 29 on (API 1.52) have no NetworkSettings.IPAddress (moby/moby pull request 50846), which the provider's
#   ssh_info reads (plugins/providers/docker/provider.rb; mended by hashicorp/vagrant pull request 13755, which is in no
#   release up to 2.4.9). It looks at the published port 22 first: Vagrant's own forwarding of that port must stay on.
# - Engines from 25 on give `host` a null IPAM.Config, at which Vagrant below 2.4.2 stops when it makes a network
#   (hashicorp/vagrant issue 13339, pull requests 13337 and 13373). Our network comes by `create_args`.
PAIRS = (
    Pair(
        engine_from=(),
        engine_below=(20, 10),
        vagrant_below=(),
        verdict="fail",
        why="machines are made with --cgroupns, which engines know from 20.10 on (API 1.41)",
        mend="install Docker 20.10 or newer",
    ),
    Pair(
        engine_from=(30,),
        engine_below=(),
        vagrant_below=(),
        verdict="warn",
        why="the newest engine that was tried is 29.7",
        mend="should the machines not come up, install Docker 29",
    ),
)


def trouble(engine: Version, vagrant: Version) -> Pair | None:
    """The entry of PAIRS that these two versions fall under, if there is one."""
    for pair in PAIRS:
        old_enough = not pair.engine_below or engine < pair.engine_below
        if pair.engine_from <= engine and old_enough and (not pair.vagrant_below or vagrant < pair.vagrant_below):
            return pair
    return None
