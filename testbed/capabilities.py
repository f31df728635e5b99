"""What a testbed can have that claims need: what this one has, and how to get what it lacks."""

# fmt: off
USUAL = frozenset({
    "boot2docker", "cloudinit", "cluster", "devbox", "discovery", "docker", "docs", "fleet-or-swarm", "git", "nginx", "overlay",
    "redis", "registry", "swarm", "vagrant",
})
# fmt: on

REAL_MACHINES = "real machines; the provider docker makes containers, and there is no other provider yet"
NOT_BUILT = "its chapters are not built yet"
HOW_TO_GET = {
    "docker-hub": "run where Docker Hub answers",
    "fleet": "give fleetd and fleetctl by --era-binaries PATH; the README says where they are archived",
    "internet": "run where the internet answers",
    "virtualbox": REAL_MACHINES,
    "vm": REAL_MACHINES,
}


def under(manager_name: str) -> frozenset[str]:
    """What a testbed with that manager has; engines can make a swarm in any case."""
    return USUAL | {"fleet"} if manager_name == "fleet" else USUAL


def reason(lacks: tuple[str, ...]) -> str:
    """Why a claim that needs these is not checked here, and how to get them."""
    return f"not checked here: needs {'; '.join(f'{need} ({HOW_TO_GET.get(need, NOT_BUILT)})' for need in lacks)}"
