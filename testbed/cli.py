"""The command line: `./cododemo VERB`, after testbed.setup has installed what the verb needs.

Only the standard library is imported up here, so that help and `doctor` work before there is a .venv.
"""

import argparse
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

from testbed import options as run_options
from testbed import paths
from testbed.errors import TestbedError
from testbed.options import Options
from testbed.system import say

Verb = Callable[[argparse.Namespace], int]

DESCRIPTION = "Brings up the workshop's cluster and holds every claim of the workshop's text against it."
CHECK = """Set up whatever is missing, run `pytest -m cluster`, and write report/. Every argument goes to pytest, as

  ./cododemo check -n 2                   two workers, one cluster
  ./cododemo check -k etcd --nodes 5      some tests, on a cluster of five
  ./cododemo check --claims               list the claims and their tests

The exit code is pytest's. The suite's own options, besides pytest's:"""
# With these, pytest runs no test.
LISTINGS = {"--claims", "--collect-only", "--co"}
VERDICTS = {"ok": "ok", "warn": "warn", "fail": "FAIL"}


class Parser(argparse.ArgumentParser):
    """A parser whose complaint is one line, as every other of ours."""

    def error(self, message: str) -> NoReturn:
        raise TestbedError(f"{message}; see {self.prog} --help")


def main(arguments: list[str]) -> int:
    """Run the verb and return the exit code: its own, 2 after a TestbedError's line, 130 after Ctrl-C."""
    try:
        parser = make_parser()
        # The rest, which only check and test may have, is pytest's.
        known, rest = parser.parse_known_args(arguments or ["--help"])
        if rest and not known.for_pytest:
            parser.error(f"unrecognized arguments: {' '.join(rest)}")
        known.raw = arguments[1:]
        run: Verb = known.run
        return run(known)
    except TestbedError as error:
        print(f"cododemo: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def make_parser() -> Parser:
    """The parser with a sub-parser a verb, each of which sets `run`, the function to call."""
    parser = Parser(prog="cododemo", description=DESCRIPTION, allow_abbrev=False)
    verbs = parser.add_subparsers(metavar="VERB", required=True, title="verbs, each with --help")

    def add(name: str, run: Verb, help_line: str, description: str = "", for_pytest: bool = False) -> Parser:
        verb = verbs.add_parser(
            name,
            help=help_line,
            description=description or f"{help_line[0].upper()}{help_line[1:]}.",
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        verb.set_defaults(run=run, for_pytest=for_pytest)
        return verb

    usage = "cododemo %s [pytest arguments]"
    check_parser = add("check", check, "set up what is missing, then check every claim", CHECK, for_pytest=True)
    test_parser = add("test", test, "style, types and unit tests of the suite itself, then check", for_pytest=True)
    check_parser.usage, test_parser.usage = usage % "check", usage % "test"
    with_options = [check_parser, test_parser]
    with_options += [add("doctor", doctor, "say what this machine has and lacks, and what to do; changes nothing")]
    with_options += [add("up", up, "bring the cluster up and leave it running; pytest then uses it")]
    with_options += [add("prepare", prepare, "make all that machines are made from, for `vagrant up` by hand")]
    add("down", down, "take down everything of this checkout, also what a killed run left")
    ssh_parser = add("ssh", ssh, "a shell, or one command, on a machine, with its exit code")
    ssh_parser.add_argument("machine", metavar="MACHINE", help="boot2docker, core-01, core-02 ...")
    command = ssh_parser.add_argument("command", nargs=argparse.REMAINDER, help="the command; without one, a shell")
    command.required = False  # argparse would name it as missing where only MACHINE is
    for verb in with_options:
        run_options.add_arguments(verb.add_argument)
    return parser


def options_of(arguments: argparse.Namespace) -> Options:
    """The run's options among the arguments. Raises TestbedError for a value that cannot be meant."""
    return run_options.read(vars(arguments).get)


def check(arguments: argparse.Namespace) -> int:
    options = options_of(arguments)
    if LISTINGS & set(arguments.raw):
        become_pytest(arguments.raw)
    make_ready(options)
    shutil.rmtree(paths.REPORT, ignore_errors=True)
    paths.REPORT.mkdir()
    results = [f"--junitxml={paths.REPORT}/junit.xml", f"--alluredir={paths.REPORT}/allure-results"]
    become_pytest([*results, *arguments.raw])


def test(arguments: argparse.Namespace) -> int:
    from testbed import stages

    failed = stages.run()
    return failed if failed else check(arguments)


def doctor(arguments: argparse.Namespace) -> int:
    """Exit code 0 when a run could begin, 1 when something fails."""
    from testbed import preflight

    checks = preflight.run(options_of(arguments))
    width = max(len(each.name) for each in checks)
    for each in checks:
        mend = f"\n{'':{width + 8}}-> {each.mend}" if each.mend else ""
        print(f"{VERDICTS[each.verdict]:4}  {each.name:{width}}  {each.found}{mend}")
    return int(any(each.verdict == "fail" for each in checks))


def up(arguments: argparse.Namespace) -> int:
    from testbed import cluster

    options = options_of(arguments)
    make_ready(options)
    cluster.up(options, say)
    return 0


def prepare(arguments: argparse.Namespace) -> int:
    from testbed import cluster, userdata

    options = cluster.as_prepared(options_of(arguments))
    make_ready(options)
    userdata.demand_filled(paths.ROOT / "user-data", cluster.prepare(options, say).discovery)
    return 0


def down(_: argparse.Namespace) -> int:
    from testbed import cluster, dockerd
    from testbed.system import find

    if find("dockerd"):
        dockerd.ensure()
    cluster.down()
    return 0


def ssh(arguments: argparse.Namespace) -> int:
    from testbed import cluster

    command: list[str] = arguments.command
    return cluster.shell(arguments.machine, command[1:] if command[:1] == ["--"] else command)


def make_ready(options: Options) -> None:
    """Start the engine, run the preflight and build the images. Raises TestbedError with the first thing in the way."""
    from testbed import dockerd, images, preflight, processes

    processes.mark()
    dockerd.ensure()
    preflight.demand(options)
    images.ensure(say)


def become_pytest(arguments: Sequence[str]) -> NoReturn:
    """Replace this process, so that Ctrl-C, the exit code and the terminal are pytest's alone."""
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", "pytest", "-m", "cluster", *arguments])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
