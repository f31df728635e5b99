"""The moments at which runs are killed: for each signal and each stage of a run two, drawn at random."""

import random
import signal
from dataclasses import dataclass
from enum import Enum

from tests.faults.checkout import Run

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)
OF_EACH = 2
STAGE_SECONDS = 600

# A short run of two workers: four tests on boot2docker, and beside them the drill in which a node loses its engine and power.
MODULES = ("tests/cluster/test_boot2docker.py", "tests/cluster/test_redis_restart.py")
WORDS = "is_not_the_host or shares_the_hosts_kernel or killed_server_without_a_policy"
SHORT = ("--nodes", "1", "-n", "2", "-v", *MODULES, "-k", WORDS)


class Stage(Enum):
    """The stages of a run; the value is what the run says when one begins, as a regular expression."""

    IMAGE_BUILD = r"(?m)^building "
    BRING_UP = r"created: 2/2 workers"
    TESTS = r"all machines are ready"
    DRILL = r"(?:PASSED tests/cluster/test_boot2docker[\s\S]*){4}"
    TEAR_DOWN = r"\[100%\]"

    def __str__(self) -> str:
        return self.name.lower().replace("_", "-")


@dataclass(frozen=True)
class Moment:
    """In which stage which signal comes, after which share of the time that the stage takes."""

    number: signal.Signals
    stage: Stage
    share: float

    def __str__(self) -> str:
        return f"{self.number.name}-{self.stage}-{self.share:.2f}"


def draw(seed: int) -> list[Moment]:
    """All moments of this seed, in an order of its own."""
    dice = random.Random(seed)
    moments = [Moment(number, stage, dice.random()) for number in SIGNALS for stage in Stage for _ in range(OF_EACH)]
    dice.shuffle(moments)
    return moments


def time_of_stages(run: Run) -> dict[Stage, float]:
    """The seconds that each stage of a run takes that goes through all of them."""
    began = [run.says(stage.value, seconds=STAGE_SECONDS) for stage in Stage]
    ended = run.began + run.ended(seconds=STAGE_SECONDS).seconds
    return {stage: end - begin for stage, begin, end in zip(Stage, began, [*began[1:], ended], strict=True)}
