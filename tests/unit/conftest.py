"""What the unit tests share: a small suite of its own, with a small register, to try the plugins on."""

from collections.abc import Callable
from pathlib import Path

import pytest

Suite = Callable[..., pytest.RunResult]

ETCD = """
chapter: etcd
title: etcd by hand
claims:
  - {id: etcd.get, where: blog 1, claim: c, kind: fact, today: holds, needs: [cluster], sabotage: s}
  - {id: etcd.leader, where: blog 2, claim: c, kind: fact, today: wrong, truth: It is gone., sabotage: s}
  - {id: etcd.port, where: blog 3, claim: c, kind: fact, today: changed, truth: It is 2379., sabotage: s}
  - {id: etcd.here, where: blog 4, claim: c, kind: fact, today: changed, truth: t, holds_here: h, sabotage: s}
  - {id: etcd.vote, where: blog 5, claim: c, kind: fact, today: changed, truth: t, also_needs: [vm], sabotage: s}
  - {id: etcd.nice, where: blog 6, claim: c, kind: opinion, today: holds, untestable: a judgement}
"""
WEB = """
chapter: web
title: The web
claims:
  - {id: web.unit, where: blog 7, claim: c, kind: fact, today: holds, needs: [fleet], sabotage: s}
  - {id: web.page, where: blog 8, claim: c, kind: fact, today: holds, needs: [cluster], sabotage: s}
"""
HEAD = "import pytest\nfrom fixtures.claims import as_written, claim\n"


@pytest.fixture(autouse=True)
def _no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """CI runs the unit tests before anything has started an engine: one that needs it must fail everywhere."""
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")


@pytest.fixture
def suite(pytester: pytest.Pytester, request: pytest.FixtureRequest) -> Suite:
    """Returns a function that writes test_<name>.py files under tests/cluster and runs pytest with the arguments."""
    register = pytester.mkdir("claims")
    (register / "05-etcd.yaml").write_text(ETCD)
    (register / "06-web.yaml").write_text(WEB)
    folder = pytester.path / "tests" / "cluster"
    folder.mkdir(parents=True)
    pytester.makeconftest('pytest_plugins = ["fixtures.claims"]')
    pytester.makeini(f'[pytest]\naddopts = --strict-markers\npythonpath = "{request.config.rootpath}"')

    def run(*args: str | Path, **modules: str) -> pytest.RunResult:
        for name, text in modules.items():
            (folder / f"test_{name}.py").write_text(HEAD + text)
        return pytester.runpytest("--register", register, *args)

    return run


@pytest.fixture(params=[(), ("-n", "2")], ids=["alone", "xdist"])
def workers(request: pytest.FixtureRequest) -> tuple[str, ...]:
    """Both ways to run: in one process and over xdist's workers."""
    arguments: tuple[str, ...] = request.param
    return arguments
