"""The system's packages that the suite stands on: which are missing, and installing them on Debian and Ubuntu."""

import os
from pathlib import Path

from testbed.errors import TestbedError
from testbed.system import as_root, distribution, find, run_logged, step

DEBIAN_KEYS = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
ENGINE_SOCKET = "/var/run/docker.sock"
LOG = "apt.log"
# Debian 13 has the docker client in a package of its own; where apt does not know it, docker.io has it.
CLIENT = "docker-cli"


def missing(with_venv: bool, with_browser: bool = False) -> list[str]:
    """The packages to install, in Debian's names. `with_venv`: a .venv is to be made too, so Python needs ensurepip.

    `with_browser`: the handout's tests will run, which need Chromium.
    """
    programs = {"vagrant": "vagrant", "mmdebstrap": "mmdebstrap", "openssh-client": "ssh", "git": "git"}
    names = [package for package, program in programs.items() if find(program) is None]
    if find("dockerd") is None and not _engine_listens():
        names.append("docker.io")
    if find("docker") is None:
        names.append(CLIENT)
    if _is_ubuntu() and not DEBIAN_KEYS.exists():
        names.append("debian-archive-keyring")  # mmdebstrap needs it to make Debian's base image
    if os.geteuid() != 0 and find("newuidmap") is None:
        names.append("uidmap")  # mmdebstrap needs it when it is not run by root
    if with_browser and find("chromium") is None:
        names.append("chromium")
    if with_venv and not _has_ensurepip():
        names.append("python3-venv")
    return names


def install(names: list[str]) -> None:
    """Install the packages. Raises TestbedError, naming them, where that cannot be done; apt's output goes to a log."""
    system, families = distribution()
    wanted = " ".join(names)
    if not families & {"debian", "ubuntu"} or find("apt-get") is None:
        raise TestbedError(f"{system} is neither Debian nor Ubuntu; install these, by its names for them: {wanted}")
    prefix = as_root()
    if prefix is None:
        raise TestbedError(f"run as root, or first: sudo apt-get install --no-install-recommends {wanted}")
    quiet = [*prefix, "env", "DEBIAN_FRONTEND=noninteractive", "NEEDRESTART_SUSPEND=1", "apt-get", "-q", "-y"]
    quiet += ["-o", "DPkg::Lock::Timeout=300"]
    with step("apt-get update"):
        run_logged("apt-get update", [*quiet, "update"], LOG)
    names = _known(names)
    # Nothing of the user's may go for it: docker.io, for one, cannot stand beside docker-ce.
    with step(f"installing {', '.join(names)}"):
        install = [*quiet, "install", "--no-install-recommends", "--no-remove", *names]
        run_logged("apt-get install", install, LOG)


def _known(names: list[str]) -> list[str]:
    """The names that apt can install, the client's under the name it has here. Raises TestbedError for any other."""
    known = [name for name in names if _has_candidate(name)]
    if CLIENT in names and CLIENT not in known:
        names = [name for name in names if name != CLIENT]
        known = sorted({*known, "docker.io"})
    unknown = [name for name in names if name not in known]
    if unknown:
        raise TestbedError(f"apt knows no {' and no '.join(unknown)} here; install what its maker publishes")
    return known


def _has_candidate(name: str) -> bool:
    import subprocess

    shown = subprocess.run(["apt-cache", "policy", name], capture_output=True, text=True, check=False).stdout
    return "Candidate:" in shown and "Candidate: (none)" not in shown


def _has_ensurepip() -> bool:
    import importlib.util

    return importlib.util.find_spec("ensurepip") is not None


def _is_ubuntu() -> bool:
    return "ubuntu" in distribution()[1]


def _engine_listens() -> bool:
    """Whether something listens on the engine's socket; a socket that only root may open counts."""
    import socket

    if os.environ.get("DOCKER_HOST"):
        return True
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(ENGINE_SOCKET)
        except PermissionError:
            return True
        except OSError:
            return False
    return True
