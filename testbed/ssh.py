"""ssh to the machines: a key of this run's own, one configuration, and one live master connection a machine."""

import subprocess
from pathlib import Path

from testbed import paths
from testbed.errors import TestbedError
from testbed.machine import SSH_CONFIG

KEY = paths.STATE / "id_ed25519"

# A command over a live master costs a hundredth of a `vagrant ssh`. The master notices within three seconds that its machine
# went away; the next command then makes a new one. The socket's path is limited to 108 bytes, so it is short and in /tmp.
CONTROL = """
Host *
  ControlMaster auto
  ControlPersist 15m
  ControlPath /tmp/cododemo-{checkout}-%n
  ServerAliveInterval 1
  ServerAliveCountMax 3
  ConnectTimeout 5
  LogLevel ERROR
"""


def make_key() -> str:
    """The public half of the run's key pair, which is made if it is not there; its owner alone can read the private half."""
    public = KEY.with_suffix(".pub")
    KEY.parent.mkdir(exist_ok=True)
    if not public.exists():
        KEY.unlink(missing_ok=True)
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "cododemo", "-f", str(KEY)], check=True)
    return public.read_text().strip()


def write_config(vagrants: str) -> None:
    """Make the ssh configuration from what `vagrant ssh-config` printed."""
    SSH_CONFIG.write_text(vagrants.rstrip() + CONTROL.format(checkout=paths.checkout_id()))


def connect(name: str) -> None:
    """Open the master connection to a machine; raises TestbedError with ssh's own words."""
    made = subprocess.run(["ssh", "-F", str(SSH_CONFIG), "-fN", name], capture_output=True, text=True, check=False)
    if made.returncode != 0:
        raise TestbedError(f"{name}: no ssh connection: {made.stderr.strip() or made.returncode}")


def disconnect(name: str) -> None:
    """Close the master connection to a machine, if there is one."""
    socket = Path(f"/tmp/cododemo-{paths.checkout_id()}-{name}")
    if socket.exists():
        subprocess.run(["ssh", "-F", str(SSH_CONFIG), "-O", "exit", name], capture_output=True, check=False)
        socket.unlink(missing_ok=True)


def disconnect_all() -> None:
    """Close every master connection of this checkout."""
    prefix = f"cododemo-{paths.checkout_id()}-"
    for socket in Path("/tmp").glob(f"{prefix}*"):
        disconnect(socket.name.removeprefix(prefix))
