"""Faults in the user-data that the drill of cloud-config boots its nodes from."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from testbed.machine import Machine
from tests.cluster import cloud_config_drill


@contextmanager
def written(*_: Machine, words: str, others: str) -> Iterator[None]:
    """These others stand in the user-data in the place of the words."""
    user_data = cloud_config_drill.USER_DATA
    if user_data.count(words) != 1:
        raise RuntimeError(f"the user-data has {words!r} {user_data.count(words)} times, not once")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cloud_config_drill, "USER_DATA", user_data.replace(words, others))
        yield
