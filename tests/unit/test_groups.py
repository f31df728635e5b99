"""The versions of pytest and xdist that are pinned keep the tests of a drill together."""

import pytest


def test_the_tests_of_a_group_run_in_one_worker(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import os, pathlib, pytest

        @pytest.mark.xdist_group("drill")
        @pytest.mark.parametrize("claim", range(6))
        def test_claim(claim):
            pathlib.Path("workers").open("a").write(os.environ["PYTEST_XDIST_WORKER"] + chr(10))
        """
    )
    pytester.runpytest_subprocess("-n", "2", "--dist", "loadgroup").assert_outcomes(passed=6)
    assert len(set((pytester.path / "workers").read_text().split())) == 1
