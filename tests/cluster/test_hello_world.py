"""Hello World: the same image everywhere, so the same output everywhere."""

import pytest

from fixtures.claims import claim
from testbed.machine import Machine

HELLO = "docker run hello-world"


@claim("hello-world.ssh-and-run")
@pytest.mark.usefixtures("tidy")
def test_core_runs_hello_world_without_sudo(core_01: Machine) -> None:
    """`vagrant ssh core-01`, then `docker run hello-world`, as user core."""
    hello = core_01.run(HELLO)
    assert "Hello from Docker" in hello.stdout, hello.expected("the greeting")
