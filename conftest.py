"""The suite's plugins, one subject a file."""

import pytest

pytest_plugins = (
    "pytester",
    "fixtures.options",
    "fixtures.claims",
    "fixtures.allure_labels",
    "fixtures.cluster",
    "fixtures.machines",
    "fixtures.schedule",
    "fixtures.manager",
    "fixtures.evidence",
    "fixtures.report",
    "fixtures.known_bad",
    "fixtures.disk",
    "fixtures.gate",
    "fixtures.sabotage.plugin",
    "tests.cluster.background.plugin",
    "tests.faults.plugin",
    "tests.accidents.plugin",
)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything under tests/cluster needs the cluster."""
    for item in items:
        if "tests/cluster/" in item.nodeid:
            item.add_marker(pytest.mark.cluster)
