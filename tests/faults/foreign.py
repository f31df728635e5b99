"""Things on the host that are nobody's of ours: made by the tests, and asked for again afterwards."""

import http.server
import io
import json
import secrets
import socket
import tarfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import docker
import httpx

from testbed import images

# A registry's usual port, and the engine's without TLS: on the host, both may be somebody's.
PORTS = (5000, 2375)
FOREIGN = "foreign-"
FACTS = dict[str, str]


class Foreign:
    """What was made, and what it looks like."""

    def __init__(self, name: str, project: Path, ports: tuple[int, ...]) -> None:
        self.engine, self.name, self.project, self.ports = docker.from_env(), name, project, ports

    def facts(self) -> FACTS:
        """Each thing in a line; one that is gone says so."""
        container = self.engine.api.inspect_container(self.name)
        state = container["State"]
        return {
            "container": f"{container['Id']} since {state['StartedAt']} {state['Status']} {container['RestartCount']}",
            "file in the volume": str(self.engine.containers.get(self.name).exec_run("cat /data/file").output),
            "image": str(self.engine.images.get(f"{self.name}:1").id),
            "image without a tag": ", ".join(
                str(i.id) for i in self.engine.images.list(filters={"label": f"{self.name}=untagged"})
            ),
            "network": json.dumps(self.engine.api.inspect_network(self.name)["Containers"]),
            "volume": self.engine.api.inspect_volume(self.name)["Mountpoint"],
            "Vagrant's project": ", ".join(sorted(f"{f}: {f.read_text()}" for f in self.project.rglob("*") if f.is_file())),
            **{f"port {port}": httpx.get(f"http://127.0.0.1:{port}/").text for port in self.ports},
        }


@contextmanager
def foreign(folder: Path) -> Iterator[Foreign]:
    """A container that runs, an image with a tag and one without, a network, a volume, another Vagrant project, and listeners."""
    name = f"{FOREIGN}{secrets.token_hex(4)}"
    engine = docker.from_env()
    with ExitStack() as undo:
        engine.api.import_image_from_data(_archive(), repository=name, tag="1")
        undo.callback(engine.images.remove, f"{name}:1")
        untagged, _ = engine.images.build(fileobj=io.BytesIO(f"FROM {name}:1\nLABEL {name}=untagged\n".encode()), rm=True)
        undo.callback(engine.images.remove, str(untagged.id), force=True)
        undo.callback(engine.networks.create(name).remove)
        undo.callback(engine.volumes.create(name).remove)
        container = engine.containers.run(
            images.tags_of_sources()["busybox"],
            ["sh", "-c", "echo kept >/data/file; sleep 100000"],
            name=name,
            network=name,
            volumes={name: {"bind": "/data"}},
            labels={"cododemo.machine": "core-01", "com.vagrant.project": "elsewhere"},
            init=True,
            detach=True,
        )
        undo.callback(container.remove, force=True)
        ids = folder / ".vagrant" / "machines" / "default" / "docker"
        ids.mkdir(parents=True)
        (ids / "id").write_text(str(container.id))
        ports = tuple(port for port in PORTS if _listen(undo, port))
        yield Foreign(name, folder, ports)


def _archive() -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("empty"))
    return data.getvalue()


class _Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"somebody else's")

    def log_message(self, *_: object) -> None:
        """It says nothing."""


def _listen(undo: ExitStack, port: int) -> bool:
    """Whether the port on loopback was free, and is listened on from now on."""
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", port)) == 0:
            return False
    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), _Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    undo.callback(server.server_close)
    undo.callback(server.shutdown)
    return True
