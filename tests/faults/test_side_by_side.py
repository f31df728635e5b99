"""Two checkouts on one host: on two networks they do not disturb each other, and one network is for one of them."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.faults.checkout import Checkout, made
from tests.faults.left import left, look
from tests.faults.moments import SHORT, STAGE_SECONDS, Stage


@pytest.fixture(scope="module")
def another(checkout: Checkout) -> Iterator[Checkout]:
    """A second checkout, on another network."""
    with made(checkout.folder.with_name("another"), beside=checkout.subnet) as another:
        yield another


@pytest.mark.timeout(3 * STAGE_SECONDS)
def test_two_checkouts_do_not_disturb_each_other(checkout: Checkout, another: Checkout) -> None:
    """Both run at the same time, and hold; while the one runs, its network is refused to the other."""
    before = look(checkout) | look(another)
    with checkout.check(*SHORT) as one, another.check(*SHORT) as other:
        one.says(Stage.TESTS.value, seconds=STAGE_SECONDS)
        with replace(another, subnet=checkout.subnet).check(*SHORT) as third:
            refused = third.ended()
        for run in (one, other):
            ended = run.ended(seconds=STAGE_SECONDS)
            assert ended.code == 0, ended.expected("exit code 0")
    assert refused.code == 2, refused.expected("exit code 2")
    line = f"cododemo: subnet: {checkout.subnet} is in use by Docker network cododemo-{checkout.id}"
    assert refused.output.startswith(line), refused.expected(f"{line!r}")
    assert len(refused.output.splitlines()) == 1, refused.expected("one line")
    found = [*left(checkout, before), *left(another, before)]
    assert not found, "host: expected nothing to be left by two runs, but saw:\n" + "\n".join(found)
