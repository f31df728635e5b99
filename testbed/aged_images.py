"""Images made by hand, with an age and an ID as wanted: what `docker load` takes, so that a test need not wait seven days."""

import base64
import gzip
import hashlib
import io
import itertools
import json
import tarfile
from datetime import UTC, datetime, timedelta
from typing import Any

from testbed.errors import TestbedError
from testbed.throwaway_engine import ThrowawayEngine


def load_aged(engine: ThrowawayEngine, name: str | None, *, age: timedelta, id_begins: str) -> str:
    """Put an image of that age, whose ID begins so, into the engine, and return its full ID; without a name it is untagged.

    Raises TestbedError when the engine does not take it.
    """
    layer = _tar({"file": id_begins.encode()})
    config = _config(hashlib.sha256(layer).hexdigest(), datetime.now(UTC) - age, id_begins)
    manifest = [{"Config": "config.json", "RepoTags": [f"{name}:latest"] if name else None, "Layers": ["layer.tar"]}]
    archive = _tar({"config.json": config, "layer.tar": layer, "manifest.json": json.dumps(manifest).encode()})
    loaded = engine.run(f"base64 -d <<'END' | docker load\n{base64.encodebytes(gzip.compress(archive)).decode()}END")
    if loaded.rc != 0:
        raise TestbedError(loaded.expected("an image that can be loaded"))
    return f"sha256:{hashlib.sha256(config).hexdigest()}"


def _config(layer: str, created: datetime, id_begins: str) -> bytes:
    """An image's ID is the digest of this; a counter in it is turned until the ID begins as wanted."""
    facts: dict[str, Any] = {
        "architecture": "amd64",
        "os": "linux",
        "created": created.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{layer}"]},
    }
    configs = (json.dumps(facts | {"config": {"Labels": {"turn": str(turn)}}}).encode() for turn in itertools.count())
    return next(config for config in configs if hashlib.sha256(config).hexdigest().startswith(id_begins))


def _tar(files: dict[str, bytes]) -> bytes:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return archive.getvalue()
