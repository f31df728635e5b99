"""Starting the engine where nothing answers: by the service manager if there is one, else as a process of its own."""

import subprocess
import time
from pathlib import Path

from testbed import engine, paths
from testbed.errors import TestbedError
from testbed.system import as_root, clean_environment, find, reason, step

SERVICE_MANAGER = Path("/run/systemd/system")
# A crash leaves them, and their numbers may be another program's by now, or a zombie's: the engine would wait for that one.
PID_FILES = {"dockerd": Path("/var/run/docker.pid"), "containerd": Path("/var/run/docker/containerd/containerd.pid")}
LOG = Path("/var/log/dockerd.log")
STARTS_WITHIN = 60


def ensure() -> engine.Engine:
    """The engine's facts; it is started first when nothing answers. Raises TestbedError when that is not possible."""
    try:
        return engine.info()
    except engine.EngineStopped as stopped:
        if find("dockerd") is None:
            raise TestbedError(f"{stopped}, and there is no dockerd: apt-get install docker.io") from None
    prefix = as_root()
    if prefix is None:
        raise TestbedError("the Docker engine is not running and starting it needs root: sudo systemctl start docker")
    with step("starting the Docker engine"):
        return _start_service(prefix) if SERVICE_MANAGER.is_dir() else _start_process(prefix)


def _start_service(prefix: list[str]) -> engine.Engine:
    started = subprocess.run([*prefix, "systemctl", "start", "docker"], capture_output=True, text=True, check=False)
    if started.returncode != 0:
        line = (started.stderr.strip().splitlines() or ["no output"])[0]
        raise TestbedError(f"systemctl start docker failed: {line} (more in: journalctl -u docker)")
    return _await(None, "journalctl -u docker tells more")


def _start_process(prefix: list[str]) -> engine.Engine:
    if _runs("dockerd"):
        return _await(None, f"it runs, by {PID_FILES['dockerd']}")
    stale = [str(file) for program, file in PID_FILES.items() if _runs(program) is False]
    if stale:
        subprocess.run([*prefix, "rm", "-f", *stale], check=True)
    log = _writable_log()
    with log.open("ab") as output:
        start = output.tell()
        # A session of its own: a Ctrl-C meant for the suite must not end the engine.
        process = subprocess.Popen(
            [*prefix, str(find("dockerd"))],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=clean_environment(),
            cwd="/",
            start_new_session=True,
        )
    try:
        return _await(process, str(log))
    except TestbedError as error:
        raise TestbedError(f"{error}: {reason(log, start)}") from None


def _runs(program: str) -> bool | None:
    """Whether the pid file of the program names a process that is the program and lives; None where there is none to read."""
    try:
        stat = Path(f"/proc/{int(PID_FILES[program].read_text())}/stat").read_text()
    except (FileNotFoundError, PermissionError) as error:
        return False if str(error.filename).startswith("/proc/") else None
    except (ValueError, ProcessLookupError):
        return False
    name, state = stat.partition("(")[2].rpartition(")")[::2]  # proc(5): pid (comm) state ...
    return name == program and state.split()[0] != "Z"


def _writable_log() -> Path:
    try:
        LOG.open("ab").close()
    except OSError:
        paths.LOGS.mkdir(parents=True, exist_ok=True)
        return paths.LOGS / LOG.name
    return LOG


def _await(process: subprocess.Popen[bytes] | None, hint: str) -> engine.Engine:
    """The engine's facts once it answers. `process` is the one just started, whose end ends the waiting."""
    until = time.monotonic() + STARTS_WITHIN
    while True:
        try:
            return engine.info()
        except engine.EngineForbidden:
            raise
        except engine.EngineSilent:
            if process is not None and process.poll() is not None:
                raise TestbedError(f"dockerd ended at once with {process.returncode} ({hint})") from None
            if time.monotonic() > until:
                raise TestbedError(f"the Docker engine did not answer within {STARTS_WITHIN} s ({hint})") from None
        time.sleep(0.1)  # wait_until needs more than the standard library, which is all that `doctor` has
