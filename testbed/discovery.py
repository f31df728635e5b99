"""The discovery URL by which the members of a new etcd cluster find one another: a fresh one for every cluster.

Source: etcd 3.4 documentation, "Discovery service protocol": a token's directory holds `_config/size` and a key a member.
"""

import httpx

from testbed.errors import TestbedError

PUBLIC = "https://discovery.etcd.io"
SECONDS = 10.0


def fresh_url(service: str, size: int) -> str:
    """A new URL for a cluster of `size` from the discovery service at `service`; raises TestbedError when there is none."""
    try:
        answer = httpx.get(f"{service}/new", params={"size": size}, timeout=SECONDS)
    except httpx.TransportError as error:
        raise TestbedError(f"discovery service {service}: {error}; use --discovery private, or mend the network") from error
    if answer.status_code != httpx.codes.OK:
        raise TestbedError(f"discovery service {service}: answered {answer.status_code} to /new; use --discovery private")
    return answer.text.strip()


def demand_unused(url: str) -> None:
    """Raise TestbedError unless `url` answers as a discovery URL that no member has registered with."""
    try:
        config = httpx.get(f"{url}/_config/size", timeout=SECONDS)
        members = httpx.get(url, timeout=SECONDS)
    except httpx.TransportError as error:
        raise TestbedError(f"discovery URL {url}: {error}; is its service running, and reachable from here?") from error
    if config.status_code != httpx.codes.OK:
        raise TestbedError(f"discovery URL {url}: answered {config.status_code} for its size; ask its service's /new for a URL")
    registered = members.json()["node"].get("nodes", [])
    if registered:
        raise TestbedError(
            f"discovery URL {url}: used up, {len(registered)} members are registered; every cluster needs a fresh one"
        )
