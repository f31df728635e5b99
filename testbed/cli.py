"""The command line: `./cododemo VERB`, after testbed.setup has installed what the verb needs.

Only the standard library is imported up here, so that help and `doctor` work before there is a .venv.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NoReturn

from testbed import options as run_options
from testbed import paths
from testbed.errors import TestbedError
from testbed.options import Options
from testbed.system import say

DESCRIPTION = "Brings up the workshop's cluster and holds every claim of the workshop's text against it."
CHECK = """Set up whatever is missing, run `pytest -m cluster`, and write report/. Every argument goes to pytest, as

  ./cododemo check -n 2                   two workers, one cluster
  ./cododemo check -k etcd --nodes 5      some tests, on a cluster of five
  ./cododemo check --claims               list the claims and their tests
  ./cododemo check --require fleet,vm     fail where the testbed lacks one of these
  ./cododemo check --baseline FILE        say what changed since the run of that summary.json

The exit code is pytest's. The suite's own options, besides pytest's:"""
# With these, pytest runs no test.
LISTINGS = {"--claims", "--collect-only", "--co"}
TAKE_PATHS = ("--baseline", "--era-binaries")
NOTHING_SELECTED = 5  # pytest.ExitCode.NO_TESTS_COLLECTED
SABOTEURS = 6
"""Workers for the sabotages: more than there are processors, as most of them wait for machines."""
VERDICTS = {"ok": "ok", "warn": "warn", "fail": "FAIL"}


class Parser(argparse.ArgumentParser):
    """A parser whose complaint is one line, as every other of ours."""

    def error(self, message: str) -> NoReturn:
        raise TestbedError(f"{message}; see {self.prog} --help")


def main(arguments: list[str]) -> int:
    """Run the verb and return the exit code: its own, 2 after a TestbedError's line, 130 after Ctrl-C."""
    try:
        known = parse(arguments)
        run: Callable[[argparse.Namespace], int] = known.run
        return run(known)
    except TestbedError as error:
        print(f"cododemo: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def parse(arguments: list[str]) -> argparse.Namespace:
    """The arguments: `run` is the verb's function, `options` the run's, `raw` all that follows the verb.

    Raises TestbedError for what cannot be meant; prints help and exits where that is asked for.
    """
    parser = make_parser()
    known, rest = parser.parse_known_args(arguments or ["--help"])
    if rest and not known.for_pytest:
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    known.raw = arguments[1:]
    known.options = run_options.read(vars(known).get) if known.has_options else Options()
    return known


def make_parser() -> Parser:
    """The parser with a sub-parser for each of VERBS."""
    parser = Parser(prog="cododemo", description=DESCRIPTION, allow_abbrev=False)
    verbs = parser.add_subparsers(metavar="VERB", required=True, title="verbs, each with --help")
    for name, verb in VERBS.items():
        sub = verbs.add_parser(
            name,
            help=verb.summary,
            usage=f"cododemo {name} [pytest arguments]" if verb.for_pytest else None,
            description=verb.description or f"{verb.summary[0].upper()}{verb.summary[1:]}.",
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        sub.set_defaults(run=verb.run, for_pytest=verb.for_pytest, has_options=verb.has_options)
        if verb.has_options:
            run_options.add_arguments(sub.add_argument)
        if name == "ssh":
            sub.add_argument("machine", metavar="MACHINE", help="boot2docker, core-01, core-02 ...")
            command = sub.add_argument("command", nargs=argparse.REMAINDER, help="the command; without one, a shell")
            command.required = False  # argparse would name it as missing where only MACHINE is
    return parser


def check(arguments: argparse.Namespace) -> int:
    if LISTINGS & set(arguments.raw):
        become_pytest(arguments.raw)
    make_ready(arguments.options)
    empty_report()
    become_pytest([*results(), *joined(arguments.raw)])


def empty_report() -> None:
    shutil.rmtree(paths.REPORT, ignore_errors=True)
    paths.REPORT.mkdir(exist_ok=True)  # it may be where something is mounted


def results() -> list[str]:
    """pytest's arguments for the results that go into the report."""
    return [f"--junitxml={paths.REPORT}/junit.xml", f"--alluredir={paths.REPORT}/allure-results"]


def joined(arguments: Sequence[str]) -> list[str]:
    """The arguments with `--baseline FILE` and the like as one: of two, pytest takes FILE for tests, its folder for ours."""
    words = list(arguments)
    for option in TAKE_PATHS:
        while option in words[:-1]:
            place = words.index(option)
            words[place : place + 2] = [f"{option}={words[place + 1]}"]
    return words


def test(arguments: argparse.Namespace) -> int:
    """Exit code: that of the first part that fails. Of the arguments, -m and -n are for the check alone."""
    from testbed import stages

    if LISTINGS & set(arguments.raw):
        become_pytest(arguments.raw)
    if failed := stages.run():
        return failed
    make_ready(arguments.options)
    empty_report()
    if failed := run_pytest([*results(), *joined(arguments.raw)]):
        return failed
    code = run_pytest([*joined(arguments.raw), "-m", "sabotage", "-n", str(SABOTEURS)])
    if code == NOTHING_SELECTED and any(word.startswith(("-k", "tests/")) for word in arguments.raw):
        say("no sabotage of what was selected")
        return 0
    return code


def doctor(arguments: argparse.Namespace) -> int:
    """Exit code 0 when a run could begin, 1 when something fails."""
    from testbed import preflight

    checks = preflight.run(arguments.options)
    width = max(len(each.name) for each in checks)
    for each in checks:
        mend = f"\n{'':{width + 8}}-> {each.mend}" if each.mend else ""
        print(f"{VERDICTS[each.verdict]:4}  {each.name:{width}}  {each.found}{mend}")
    return int(any(each.verdict == "fail" for each in checks))


def up(arguments: argparse.Namespace) -> int:
    from testbed import cluster

    make_ready(arguments.options)
    cluster.up(arguments.options, say)
    return 0


def prepare(arguments: argparse.Namespace) -> int:
    from testbed import preparation

    options = preparation.as_prepared(arguments.options)
    make_ready(options)
    preparation.prepare_by_hand(options, say)
    return 0


def down(_: argparse.Namespace) -> int:
    from testbed import cluster, dockerd, images
    from testbed.system import find

    if find("dockerd"):
        dockerd.ensure()
    cluster.down()
    images.remove_unfinished()
    return 0


def ssh(arguments: argparse.Namespace) -> int:
    from testbed import cluster

    command: list[str] = arguments.command
    return cluster.shell(arguments.machine, command[1:] if command[:1] == ["--"] else command)


def report(_: argparse.Namespace) -> int:
    from testbed import report as reports
    from testbed.console import summary_lines
    from testbed.register import load

    for line in summary_lines(reports.write(load(), reports.read())):
        print(line)
    return 0


def make_ready(options: Options) -> None:
    """Start the engine, run the preflight and build the images. Raises TestbedError with the first thing in the way."""
    from testbed import cluster, dockerd, images, preflight, processes

    processes.mark()
    dockerd.ensure()
    cluster.found(say)
    preflight.demand(options)
    images.ensure(say)


def become_pytest(arguments: Sequence[str]) -> NoReturn:
    """Replace this process, so that Ctrl-C, the exit code and the terminal are pytest's alone."""
    sys.stdout.flush()
    os.execv(sys.executable, _pytest(arguments))


def run_pytest(arguments: Sequence[str]) -> int:
    """pytest's exit code, or 128 and the signal's number where one has ended it, as a shell tells it."""
    with subprocess.Popen(_pytest(arguments)) as running, _signals_for(running):
        code = running.wait()
    return code if code >= 0 else 128 - code


@contextmanager
def _signals_for(running: subprocess.Popen[bytes]) -> Iterator[None]:
    """Ctrl-C the terminal gives to both, and pytest answers it; SIGTERM comes to this process alone, which passes it on."""
    answers = {signal.SIGINT: lambda *_: None, signal.SIGTERM: lambda *_: running.terminate()}
    before = {number: signal.signal(number, answer) for number, answer in answers.items()}
    try:
        yield
    finally:
        for number, answer in before.items():
            signal.signal(number, answer)


def _pytest(arguments: Sequence[str]) -> list[str]:
    return [sys.executable, "-m", "pytest", "-m", "cluster", *arguments]


@dataclass(frozen=True)
class Verb:
    """A verb of the command line. `for_pytest`: arguments that are not ours are pytest's."""

    run: Callable[[argparse.Namespace], int]
    summary: str
    description: str = ""
    has_options: bool = True
    for_pytest: bool = False


VERBS = {
    "check": Verb(check, "set up what is missing, then check every claim", CHECK, for_pytest=True),
    "test": Verb(test, "style, types and unit tests of the suite, then check, then proof that checks can fail", for_pytest=True),
    "doctor": Verb(doctor, "say what this machine has and lacks, and what to do; changes nothing"),
    "up": Verb(up, "bring the cluster up and leave it running; pytest then uses it"),
    "prepare": Verb(prepare, "make all that machines are made from, for `vagrant up` by hand"),
    "down": Verb(down, "take down everything of this checkout, also what a killed run left", has_options=False),
    "report": Verb(report, "make the report anew from the last run's results", has_options=False),
    "ssh": Verb(ssh, "a shell, or one command, on a machine, with its exit code", has_options=False),
}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
