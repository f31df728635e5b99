"""A change of one of the checkout's images, so that it has to be built, and the registry filled, when the next run begins."""

import json
import secrets
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import docker
from docker.errors import ImageNotFound

from tests.faults.checkout import Checkout, environment

SOURCE = Path("images", "hello-world", "hello.s")


@contextmanager
def changed(checkout: Checkout) -> Iterator[None]:
    """A comment makes the program's source another; at the end it is as before, and images built of it are removed."""
    file = checkout.folder / SOURCE
    before, known = file.read_text(), _tags(checkout)
    file.write_text(f"{before}# {secrets.token_hex(8)}\n")
    try:
        yield
    finally:
        new = _tags(checkout) - known
        file.write_text(before)
        for tag in sorted(new):
            with suppress(ImageNotFound):
                docker.from_env().images.remove(tag, force=True)


def _tags(checkout: Checkout) -> set[str]:
    """The tags of all images as the checkout has their sources now."""
    ask = "import json; from testbed import images; print(json.dumps(images.tags_of_sources()))"
    python = checkout.folder / ".venv" / "bin" / "python"
    told = subprocess.run([python, "-c", ask], cwd=checkout.folder, env=environment(), capture_output=True, text=True, check=True)
    return set(json.loads(told.stdout).values())
