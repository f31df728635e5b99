"""docs/errata.md is what the register says."""

from testbed import errata
from testbed.register import load


def test_errata_are_current() -> None:
    assert errata.FILE.read_text() == errata.markdown(load()), f"make it anew: {errata.COMMAND}"
