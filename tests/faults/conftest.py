"""What the tests of faults share: a checkout of their own, how long the stages of its runs take, and a look at the host."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.faults import recipe
from tests.faults.checkout import Checkout, made
from tests.faults.foreign import PORTS, Foreign, foreign
from tests.faults.left import Things, look
from tests.faults.moments import SHORT, Stage, time_of_stages


@pytest.fixture(scope="session")
def checkout() -> Iterator[Checkout]:
    """A checkout whose runs may be killed, on a network that nobody has. Folders of pytest's are emptied by other sessions."""
    with TemporaryDirectory(prefix="cododemo-faults-") as folder, made(Path(folder, "cododemo")) as checkout:
        yield checkout


@pytest.fixture(scope="session")
def stages(checkout: Checkout) -> dict[Stage, float]:
    """The seconds of each stage of a short run that nobody disturbs."""
    with recipe.changed(checkout), checkout.check(*SHORT) as run:
        return time_of_stages(run)


@pytest.fixture(scope="session")
def theirs(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Foreign]:
    """Things on the host that are not ours; a port that is taken already is somebody's own and left out."""
    with foreign(tmp_path_factory.mktemp("foreign")) as made:
        for port in set(PORTS) - set(made.ports):
            pytestconfig.get_terminal_writer().line(f"left out: 127.0.0.1:{port} is in use here by somebody already")
        yield made


@pytest.fixture
def untouched(theirs: Foreign) -> Iterator[None]:
    """After the test, what is not ours is as it was before."""
    before = theirs.facts()
    yield
    after = theirs.facts()
    changed = [f"{what}: {before[what]!r}, now {after[what]!r}" for what in before if before[what] != after[what]]
    assert not changed, "host: expected what is not ours to be as it was, but saw:\n" + "\n".join(changed)


@pytest.fixture
def clean(checkout: Checkout) -> Things:
    """What was on the host before."""
    return look(checkout)
