"""cloud-init module for the `coreos:` section of user-data, applied at every boot as coreos-cloudinit did.

Source: coreos-cloudinit's Documentation/cloud-config.md. `etcd`, `etcd2` and `fleet` become a drop-in with environment
variables for the service of that name, `update` becomes /etc/coreos/update.conf, `units` are written, enabled and started.
"""

import subprocess
from pathlib import Path
from typing import Any

from cloudinit.settings import PER_ALWAYS

frequency = PER_ALWAYS
distros = ["all"]
meta = {
    "id": "cc_coreos",
    "name": "CoreOS",
    "title": "Apply the coreos section",
    "description": __doc__,
    "distros": distros,
    "examples": [],
    "frequency": frequency,
}

SYSTEM = Path("/etc/systemd/system")
RUNTIME = Path("/run/systemd/system")
ENVIRONMENT_SECTIONS = {"etcd": "ETCD", "etcd2": "ETCD", "fleet": "FLEET", "flannel": "FLANNELD", "locksmith": "LOCKSMITHD"}
SERVICE_OF = {"flannel": "flanneld", "locksmith": "locksmithd"}


def handle(_name: str, cfg: dict[str, Any], *_rest: Any) -> None:
    """Write what the `coreos` section of `cfg` asks for and queue its unit commands; nothing happens without a section."""
    section = cfg.get("coreos")
    if not section:
        return
    for key, prefix in ENVIRONMENT_SECTIONS.items():
        if key in section:
            write_environment(SERVICE_OF.get(key, key), prefix, section[key])
    if "update" in section:
        write_update_conf(section["update"])
    units = section.get("units", [])
    for unit in units:
        write_unit(unit)
    systemctl("daemon-reload")
    for unit in units:
        enable_and_command(unit)


def write_environment(service: str, prefix: str, settings: dict[str, Any]) -> None:
    lines = [f'Environment="{prefix}_{key.upper().replace("-", "_")}={scalar(value)}"' for key, value in settings.items()]
    write(RUNTIME / f"{service}.service.d" / "20-cloudinit.conf", "\n".join(["[Service]", *lines, ""]))


def write_update_conf(settings: dict[str, Any]) -> None:
    names = {"reboot-strategy": "REBOOT_STRATEGY", "group": "GROUP", "server": "SERVER"}
    write(Path("/etc/coreos/update.conf"), "".join(f"{names[key]}={scalar(value)}\n" for key, value in settings.items()))


def write_unit(unit: dict[str, Any]) -> None:
    folder = RUNTIME if unit.get("runtime") else SYSTEM
    if unit["name"].endswith((".network", ".netdev", ".link")):
        folder = folder.with_name("network")
    if unit.get("mask"):
        systemctl("mask", unit["name"])
    if "content" in unit:
        write(folder / unit["name"], unit["content"])
    for drop_in in unit.get("drop-ins", []):
        write(folder / f"{unit['name']}.d" / drop_in["name"], drop_in["content"])


def enable_and_command(unit: dict[str, Any]) -> None:
    if unit.get("enable"):
        systemctl("enable", "--no-reload", unit["name"])
    if "command" in unit:
        # This runs inside the boot transaction: waiting for a unit that is ordered after cloud-init would never end.
        systemctl("--no-block", unit["command"], unit["name"])


def scalar(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)  # it may be a link into /usr, as a unit's alias is, and /usr is read-only
    path.write_text(text)


def systemctl(*arguments: str) -> None:
    subprocess.run(["systemctl", *arguments], check=True)
