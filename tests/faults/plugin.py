"""The options of the tests that put faults into whole runs, and the moments drawn for them."""

import random
from collections.abc import Sequence

import pytest

FOLDER = "tests/faults/"


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("cododemo")
    group.addoption("--seed", type=int, metavar="N", help="with -m faults: draw the moments of this seed again")


def pytest_configure(config: pytest.Config) -> None:
    """A worker is given the controller's options, so that all draw the same moments."""
    if config.option.seed is None:
        config.option.seed = random.randrange(10_000)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.nodeid.startswith(FOLDER):
            item.add_marker(pytest.mark.faults)
            item.add_marker(pytest.mark.xdist_group("faults"))


def pytest_report_collectionfinish(config: pytest.Config, items: Sequence[pytest.Item]) -> str:
    chosen = any(item.nodeid.startswith(FOLDER) for item in items)
    return f"moments drawn by --seed {config.option.seed}" if chosen else ""
