"""A run that is killed, at any moment and by any signal, leaves nothing that `./cododemo down` does not take down.

And what is not ours on the host is the same after it.
"""

from contextlib import nullcontext
from threading import Event

import pytest

from tests.faults import recipe
from tests.faults.checkout import Checkout
from tests.faults.left import Things, left
from tests.faults.moments import SHORT, STAGE_SECONDS, Moment, Stage, draw

pytestmark = pytest.mark.usefixtures("untouched")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "moment" in metafunc.fixturenames:
        metafunc.parametrize("moment", draw(metafunc.config.option.seed), ids=str)


@pytest.mark.timeout(2 * STAGE_SECONDS)
def test_down_removes_what_is_left_after(moment: Moment, checkout: Checkout, stages: dict[Stage, float], clean: Things) -> None:
    """`./cododemo check`, a signal, `./cododemo down`."""
    changed = recipe.changed(checkout) if moment.stage is Stage.IMAGE_BUILD else nullcontext()
    with changed, checkout.check(*SHORT) as run:
        run.says(moment.stage.value, seconds=STAGE_SECONDS)
        Event().wait(moment.share * stages[moment.stage])
        run.send(moment.number)
        run.ended()
        down = checkout.down()
        assert down.code == 0, down.expected(f"exit code 0 after {moment}")
        found = left(checkout, clean)
        assert not found, f"host: expected nothing to be left after {moment}, but saw:\n" + "\n".join(found)


@pytest.mark.timeout(2 * STAGE_SECONDS)
def test_then_a_run_holds(checkout: Checkout, clean: Things) -> None:
    """`./cododemo check`, after all that was killed in the same checkout."""
    with checkout.check(*SHORT) as run:
        ended = run.ended(seconds=STAGE_SECONDS)
    assert ended.code == 0, ended.expected("exit code 0")
    found = left(checkout, clean)
    assert not found, "host: expected nothing to be left by a run, but saw:\n" + "\n".join(found)
