"""A checkout of the tests' own, with a .venv and a network of its own: its runs may be killed, and disturb nobody's cluster."""

import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from testbed import paths, scratch, subnets
from testbed.wait import WaitTimeout, wait_until

SETUP_SECONDS = 600
DOWN_SECONDS = 120
END_SECONDS = 180
SHOWN = 3000
# Of one checkout several commands may run at a time, and each has a log of its own.
NUMBER = count(1)


@dataclass(frozen=True)
class Ended:
    """A command of the checkout that has ended, with both its outputs."""

    command: str
    code: int
    output: str
    seconds: float

    def expected(self, what: str) -> str:
        """A failure's message: the machine, what was expected, and what was seen."""
        ended = f"(exit code {self.code}, {self.seconds:.1f} s)"
        return f"host: expected {what}, but saw:\n$ {self.command}\n{self.output[-SHOWN:]}\n{ended}"


@dataclass(frozen=True)
class Run:
    """A command of the checkout that goes on; its output is a file, which no orphan can keep open for us."""

    process: subprocess.Popen[bytes]
    command: str
    log: Path
    began: float

    @property
    def output(self) -> str:
        """What it has said so far."""
        return self.log.read_text(errors="replace")

    def says(self, words: str, *, seconds: float) -> float:
        """The moment (monotonic) when it has said these words, a regular expression.

        Raises WaitTimeout when it has not said them in time, or ended before.
        """

        def said() -> bool:
            over = self.process.poll() is not None
            if re.search(words, self.output):
                return True
            if over:
                raise WaitTimeout(Ended(self.command, self.process.returncode, self.output, 0).expected(f"{words!r} to be said"))
            return False

        what = f"host: `{self.command}` says {words!r}"
        wait_until(said, lambda: f"{what}, but said:\n{self.output[-SHOWN:]}\n", seconds=seconds, every=0.05)
        return time.monotonic()

    def send(self, number: signal.Signals) -> None:
        """As Ctrl-C does, SIGINT goes to all that runs in the foreground; the others, as by `kill`, to the one process."""
        if self.process.poll() is None:
            send = os.killpg if number is signal.SIGINT else os.kill
            send(self.process.pid, number)

    def ended(self, *, seconds: float = END_SECONDS) -> Ended:
        """What it came to. It is killed, and WaitTimeout raised, where it does not end in time."""
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired as error:
            self.process.kill()
            said = f"host: `{self.command}` did not end within {seconds:.0f} s, having said:\n{self.output[-SHOWN:]}"
            raise WaitTimeout(said) from error
        return Ended(self.command, code, self.output, time.monotonic() - self.began)


@dataclass(frozen=True)
class Checkout:
    """Where it lies, which network its cluster has, and what its commands find in their environment besides ours."""

    folder: Path
    subnet: str
    environment: tuple[tuple[str, str], ...] = ()

    @property
    def id(self) -> str:
        return paths.checkout_id(self.folder)

    def start(self, *arguments: str) -> Run:
        """`./cododemo ARGUMENTS`, started in a session of its own, as a terminal would."""
        log = self.folder.with_name(f"{self.folder.name}-{next(NUMBER)}-{arguments[0]}.log")
        began = time.monotonic()
        with log.open("wb") as output:
            process = subprocess.Popen(
                # What starts this may ignore Ctrl-C, as a shell's background does.
                ["env", "--default-signal=INT", "./cododemo", *arguments],
                cwd=self.folder,
                env=environment() | dict(self.environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        return Run(process, f"./cododemo {' '.join(arguments)}", log, began)

    @contextmanager
    def check(self, *arguments: str) -> Iterator[Run]:
        """`./cododemo check`, on the checkout's network, which the test waits for. One that fails is in no other's way."""
        run = self.start("check", "--subnet", self.subnet, *arguments)
        try:
            yield run
        except BaseException:
            run.process.kill()
            run.process.wait()
            self.down()
            raise

    def down(self) -> Ended:
        return self.start("down").ended(seconds=DOWN_SECONDS)


def environment() -> dict[str, str]:
    """This process's, without what marks it and its Python as another checkout's."""
    others = ("CODODEMO_", "PYTEST_", "PYTHON", "VIRTUAL_ENV", "VAGRANT_")
    return {name: value for name, value in os.environ.items() if not name.startswith(others)} | {"PYTHONUNBUFFERED": "1"}


@contextmanager
def made(folder: Path, beside: str | None = None) -> Iterator[Checkout]:
    """A checkout of what git knows or would add here, set up as on a new machine; at the end all of it is down.

    Its network is one that nobody has, and not `beside`.
    """
    scratch.copy(folder)
    checkout = Checkout(folder, str(subnets.find(paths.checkout_id(folder), beside)))
    try:
        ready = checkout.start("check", "--claims").ended(seconds=SETUP_SECONDS)
        assert ready.code == 0, ready.expected("a checkout that is set up")
        yield checkout
    finally:
        checkout.down()
