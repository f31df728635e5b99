"""The command line: what each verb calls, its help, and that every error is one line."""

import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from testbed import cli, dockerd, images, paths, preflight, stages
from testbed.errors import TestbedError
from testbed.options import Options
from testbed.preflight import Check
from testbed.system import say


class BecamePytest(Exception):
    """Instead of becoming pytest; has its arguments."""


@pytest.fixture
def called(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What the verbs called, instead of doing it."""
    calls: list[object] = []

    def record(module: ModuleType, name: str, answer: object = None) -> None:
        def call(*arguments: object) -> object:
            calls.append((name, *(a for a in arguments if a is not say)))
            return answer

        monkeypatch.setattr(module, name, call)

    from testbed import cluster, preparation, processes

    record(dockerd, "ensure")
    record(preflight, "demand")
    record(images, "ensure")
    record(images, "remove_unfinished")
    record(processes, "mark")
    record(stages, "run", 0)
    record(preparation, "prepare_by_hand")
    for name in ("up", "down", "shell", "found"):
        record(cluster, name, 7 if name == "shell" else None)
    monkeypatch.setattr(preparation, "FACTS_FILE", tmp_path / "nothing-was-prepared")
    monkeypatch.setattr(paths, "REPORT", tmp_path / "report")

    def become_pytest(arguments: list[str]) -> None:
        raise BecamePytest(arguments)

    monkeypatch.setattr(cli, "become_pytest", become_pytest)
    return calls


@pytest.mark.parametrize("verb", cli.VERBS)
def test_every_verb_has_help(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        cli.main([verb, "--help"])
    assert capsys.readouterr().out.startswith(f"usage: cododemo {verb} ")


@pytest.mark.parametrize("arguments", [[], ["--help"]])
def test_help_lists_the_verbs(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        cli.main(arguments)
    listed = capsys.readouterr().out
    assert all(f"\n    {verb} " in listed for verb in cli.VERBS)


def test_help_of_check_names_the_suites_options(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        cli.main(["check", "--help"])
    listed = capsys.readouterr().out
    assert all(option in listed for option in ("--nodes", "--subnet", "--discovery", "--registry-port", "--keep"))


def test_check_hands_all_its_arguments_to_pytest(called: list[object]) -> None:
    arguments = ["-k", "etcd and not members", "--nodes", "5", "-n", "2", "tests/cluster/test_etcd.py", "-x"]
    with pytest.raises(BecamePytest) as became:
        cli.main(["check", *arguments])
    passed = became.value.args[0]
    assert passed[-len(arguments) :] == arguments
    assert passed[: -len(arguments)] == [
        f"--junitxml={paths.REPORT}/junit.xml",
        f"--alluredir={paths.REPORT}/allure-results",
    ]
    assert called == [("mark",), ("ensure",), ("found",), ("demand", Options(nodes=5)), ("ensure",)]


@pytest.mark.usefixtures("called")
@pytest.mark.parametrize("option", cli.TAKE_PATHS)
def test_path_of_an_option_is_not_taken_for_tests(option: str, tmp_path: Path) -> None:
    for name in ("fleetd", "fleetctl"):
        shutil.copy(sys.executable, tmp_path / name)
    with pytest.raises(BecamePytest) as became:
        cli.main(["check", "-k", "etcd", option, str(tmp_path), "-x"])
    assert became.value.args[0][-4:] == ["-k", "etcd", f"{option}={tmp_path}", "-x"]


@pytest.mark.usefixtures("called")
def test_check_begins_with_an_empty_report() -> None:
    paths.REPORT.mkdir()
    (paths.REPORT / "old.xml").touch()
    with pytest.raises(BecamePytest):
        cli.main(["check"])
    assert list(paths.REPORT.iterdir()) == []


def test_listing_claims_starts_nothing(called: list[object]) -> None:
    with pytest.raises(BecamePytest) as became:
        cli.main(["check", "--claims"])
    assert became.value.args[0] == ["--claims"]
    assert called == []


def test_test_ends_with_the_first_stage_that_fails(called: list[object], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stages, "run", lambda: 3)
    assert cli.main(["test"]) == 3
    assert called == []


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The arguments of each pytest that was run; the word `fails` in them says which one ends with 1, `nothing` with 5."""
    runs: list[str] = []

    def run_pytest(arguments: list[str]) -> int:
        runs.append(" ".join(arguments))
        mine = "sabotage" if "-m sabotage" in runs[-1] else "check"
        return 1 if f"fails-{mine}" in arguments else 5 if f"selects-no-{mine}" in runs[-1] else 0

    monkeypatch.setattr(cli, "run_pytest", run_pytest)
    return runs


@pytest.mark.parametrize(
    ("words", "ended", "runs"),
    [
        ("-n 2", 0, 2),
        ("-n 2 fails-check", 1, 1),
        ("-n 2 fails-sabotage", 1, 2),
        ("-n 2 -k selects-no-sabotage", 0, 2),
        ("-n 2 tests/selects-no-sabotage", 0, 2),
        ("-n 2 selects-no-sabotage", 5, 2),
    ],
)
def test_test_goes_on_with_check_and_then_sabotages(
    called: list[object], ran: list[str], words: str, ended: int, runs: int
) -> None:
    assert cli.main(["test", *words.split()]) == ended
    assert called[0] == ("run",)
    assert len(ran) == runs
    assert ran[0].endswith(words)
    assert f"--junitxml={paths.REPORT}/junit.xml" in ran[0]
    assert ran[1:] in ([], [f"{words} -m sabotage -n {cli.SABOTEURS}"])


def test_pytest_is_told_of_what_ends_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    waits = "import os, signal; os.kill(os.getppid(), signal.SIGTERM); signal.pause()"
    monkeypatch.setattr(cli, "_pytest", lambda _: [sys.executable, "-c", waits])
    assert cli.run_pytest([]) == 128 + signal.SIGTERM
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


@pytest.mark.parametrize(("verb", "function"), [("up", "up"), ("prepare", "prepare_by_hand")])
def test_up_and_prepare_give_the_options_on(called: list[object], verb: str, function: str) -> None:
    assert cli.main([verb, "--nodes", "1"]) == 0
    assert called[-1] == (function, Options(nodes=1))


def test_down_takes_everything_down(called: list[object], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("testbed.system.find", lambda _: "/usr/sbin/dockerd")
    assert cli.main(["down"]) == 0
    assert called == [("ensure",), ("down",), ("remove_unfinished",)]


@pytest.mark.parametrize(
    ("words", "command"),
    [("core-01", []), ("core-01 docker run -h x y", ["docker", "run", "-h", "x", "y"]), ("core-01 -- ls -l", ["ls", "-l"])],
)
def test_ssh_gives_the_command_and_its_exit_code(called: list[object], words: str, command: list[str]) -> None:
    assert cli.main(["ssh", *words.split()]) == 7
    assert called == [("shell", "core-01", command)]


@pytest.mark.usefixtures("called")
@pytest.mark.parametrize(
    ("words", "line"),
    [
        ("nonsense", "argument VERB: invalid choice: 'nonsense'"),
        ("up --nodse 5", "unrecognized arguments: --nodse 5"),
        ("check --nodes many", "argument --nodes: invalid int value: 'many'"),
        ("check --nodes 0", "--nodes 0: a cluster has 1 to 9 nodes"),
        ("check --nodes 99", "--nodes 99: a cluster has 1 to 9 nodes"),
        ("up --provider xen", "--provider xen: unknown; known: docker"),
        ("doctor --discovery http://x", "--discovery 'http://x': neither private nor public nor a URL"),
        ("ssh", "the following arguments are required: MACHINE"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(words: str, line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(words.split()) == 2
    told = capsys.readouterr().err
    assert told.startswith(f"cododemo: {line}")
    assert told.count("\n") == 1


def raiser(error: BaseException) -> Callable[[object], None]:
    def fail(*_: object) -> None:
        raise error

    return fail


@pytest.mark.usefixtures("called")
@pytest.mark.parametrize(("error", "code"), [(TestbedError("no engine"), 2), (KeyboardInterrupt(), 130)])
def test_errors_and_ctrl_c_end_without_a_traceback(
    error: BaseException, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(preflight, "demand", raiser(error))
    assert cli.main(["check"]) == code
    assert capsys.readouterr().err == ("cododemo: no engine\n" if code == 2 else "")


@pytest.mark.parametrize(("verdict", "code"), [("ok", 0), ("warn", 0), ("fail", 1)])
def test_doctor_shows_a_line_a_check(
    verdict: str, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    checks = [Check("engine", "ok", "Docker 20.10"), Check("git", verdict, "not found", "install git")]  # type: ignore[arg-type]
    monkeypatch.setattr(preflight, "run", lambda _: checks)
    assert cli.main(["doctor"]) == code
    first, second, mend = capsys.readouterr().out.splitlines()
    assert first == "ok    engine  Docker 20.10"
    assert second.split() == [cli.VERDICTS[verdict], "git", "not", "found"]
    assert mend.strip() == "-> install git"
