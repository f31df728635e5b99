"""Every command that a test runs, with its output: evidence for the report, and the words of a failure's message."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import allure

from testbed.secrets import redact

SHOWN = 2000


@dataclass(frozen=True)
class Result:
    """What a command did on a machine; `seconds` is the time it took, seen from here."""

    machine: str
    command: str
    rc: int
    stdout: str
    stderr: str
    seconds: float

    @property
    def output(self) -> str:
        """Both streams: what somebody at a terminal would have read."""
        return self.stdout + self.stderr

    def expected(self, what: str) -> str:
        """A failure's message: the machine, what was expected, and what was seen."""
        return f"{self.machine}: expected {what}, but saw:\n{self}"

    def json(self) -> Any:
        """The output as JSON; fails as an assertion, which says what was seen instead, when it is none."""
        try:
            return json.loads(self.stdout)
        except ValueError as error:
            raise AssertionError(self.expected("an answer in JSON")) from error

    def __str__(self) -> str:
        output = "".join(_shown(stream) for stream in (self.stdout, self.stderr) if stream)
        return f"{self.machine}$ {self.command}\n{output}(exit code {self.rc}, {self.seconds:.2f} s)"


@dataclass
class Transcript:
    """The commands of the test that is running; whoever keeps evidence empties it between tests."""

    results: list[Result] = field(default_factory=list)

    def record(self, run: Callable[[], Result], machine: str, command: str) -> Result:
        """Run, keep the result, and make an Allure step of it; a step outside a test goes nowhere."""
        with allure.step(redact(f"{machine}$ {command}")):
            result = run()
            title = f"exit code {result.rc}, {result.seconds:.2f} s"
            allure.attach(redact(str(result)), name=title, attachment_type=allure.attachment_type.TEXT)
        self.results.append(result)
        return result


TRANSCRIPT = Transcript()


def _shown(stream: str) -> str:
    """Its beginning and, as why a command failed is told last, its end."""
    half, more = SHOWN // 2, len(stream) - SHOWN
    text = stream if more <= 0 else f"{stream[:half]}\n[... {more} characters more ...]\n{stream[-half:]}"
    return text if text.endswith("\n") else f"{text}\n"
