"""The register: every claim of the workshop's text, read from `claims/NN-<chapter>.yaml` and checked."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError, ValidationInfo, field_validator
from pydantic_core import ErrorDetails

from testbed import lined_yaml
from testbed.errors import TestbedError
from testbed.paths import CLAIMS

# fmt: off
NEEDS = frozenset({
    "boot2docker", "ci", "cloudinit", "cluster", "devbox", "discovery", "docker", "docker-hub", "docs", "flannel",
    "fleet", "fleet-or-swarm", "git", "internet", "locksmith", "nats", "nginx", "overlay", "redis", "registry",
    "shipyard", "swarm", "vagrant", "virtualbox", "vm",
})
# fmt: on

Form = Literal["claim", "as_written"]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


def suggestion(wrong: str, known: Collection[str]) -> str:
    """Returns `; did you mean '...'?` with the nearest of the known names, or nothing when none is near."""
    near = get_close_matches(wrong, known, n=1)
    return f"; did you mean '{near[0]}'?" if near else ""


class Claim(BaseModel):
    """One claim. `truth` is None only where the claim holds; of `sabotage` and `untestable` exactly one is None."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    id: Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]+\.[a-z0-9-]+$")]
    where: Annotated[str, StringConstraints(pattern=r"^((workshop|blog) |later .+:)\d+(-\d+)?$")]
    claim: Text
    kind: Literal["fact", "command", "output", "warning", "opinion", "history"]
    today: Literal["holds", "changed", "wrong"]
    truth: Text | None = None
    needs: tuple[str, ...] = ()
    also_needs: tuple[str, ...] = ()
    sabotage: Text | None = None
    untestable: Text | None = None
    partly: Text | None = None
    holds_here: Text | None = None

    @property
    def forms(self) -> tuple[Form, ...]:
        """The forms of test that the claim must have; none where no machine can show it."""
        if self.untestable:
            return ()
        return ("claim",) if self.today == "holds" or self.holds_here else ("claim", "as_written")

    def lacks(self, capabilities: Collection[str]) -> tuple[str, ...]:
        """Returns what the claim needs that is not among the capabilities."""
        return tuple(need for need in self.needs if need not in capabilities)

    @field_validator("id")
    @classmethod
    def _in_its_chapter(cls, value: str, info: ValidationInfo) -> str:
        if not value.startswith(f"{info.context}."):
            raise ValueError(f"must begin with '{info.context}.', its chapter")
        return value

    @field_validator("today", mode="before")
    @classmethod
    def _no_boolean(cls, value: object) -> object:
        if isinstance(value, bool):
            raise ValueError("YAML takes yes, no, on, off for booleans; write holds, changed or wrong")
        return value

    @field_validator("truth")
    @classmethod
    def _truth_is_told(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is None and info.data.get("today") in ("changed", "wrong"):
            raise ValueError(f"is missing: say what is true, as the claim is {info.data['today']}")
        return value

    @field_validator("needs", "also_needs")
    @classmethod
    def _needs_are_known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if unknown := [need for need in value if need not in NEEDS]:
            raise ValueError("; ".join(f"'{need}' is unknown{suggestion(need, NEEDS)}" for need in unknown))
        return value

    @field_validator("untestable")
    @classmethod
    def _sabotage_or_untestable(cls, value: str | None, info: ValidationInfo) -> str | None:
        if "sabotage" in info.data and (value is None) == (info.data["sabotage"] is None):
            raise ValueError("give one of sabotage and untestable, not " + ("both" if value else "neither"))
        return value

    @field_validator("holds_here")
    @classmethod
    def _only_where_changed(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value and info.data.get("today") in ("holds", "wrong"):
            raise ValueError(f"is only for what is changed, and the claim is marked {info.data['today']}")
        return value


class Chapter(BaseModel):
    """A section of the workshop with its claims, in the text's order."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    chapter: str
    title: Text
    claims: tuple[Claim, ...]

    @field_validator("chapter")
    @classmethod
    def _as_its_file(cls, value: str, info: ValidationInfo) -> str:
        if value != info.context:
            raise ValueError(f"is '{value}', so the file's name must be NN-{value}.yaml")
        return value


@dataclass(frozen=True)
class Register:
    """The chapters in the workshop's order, and each claim by its id."""

    chapters: tuple[Chapter, ...]
    claims: Mapping[str, Claim]


@cache
def load(folder: Path = CLAIMS) -> Register:
    """Returns the register that lies in the folder, its chapters in the order of their files' names; read once a process.

    Raises TestbedError with every mistake, one a line: `claims/05-etcd.yaml:17: etcd.version: today: what is wrong`.
    """
    chapters: list[Chapter] = []
    mistakes: list[str] = []
    places: dict[str, str] = {}
    for file in sorted(folder.glob("*.yaml")):
        try:
            document = lined_yaml.read(file)
            chapters.append(_chapter(document, name=file.stem.partition("-")[2]))
        except TestbedError as error:
            mistakes.append(str(error))
            continue
        for index, claim in enumerate(chapters[-1].claims):
            here = document.place(("claims", index, "id"))
            if (first := places.setdefault(claim.id, here)) != here:
                mistakes.append(f"{here}: {claim.id}: id: stands already at {first}")
    if not chapters and not mistakes:
        mistakes.append(f"{folder}: no register here, not one NN-<chapter>.yaml")
    if mistakes:
        raise TestbedError("\n".join(mistakes))
    return Register(tuple(chapters), {claim.id: claim for chapter in chapters for claim in chapter.claims})


def _chapter(document: lined_yaml.Document, name: str) -> Chapter:
    try:
        return Chapter.model_validate(document.data, context=name)
    except ValidationError as error:
        raise TestbedError("\n".join(_told(document, mistake) for mistake in error.errors())) from error


def _told(document: lined_yaml.Document, mistake: ErrorDetails) -> str:
    """Returns `place: claim's id: field: what is wrong`, as much of it as there is."""
    path = mistake["loc"]
    what = mistake["msg"].removeprefix("Value error, ")
    if mistake["type"] in ("literal_error", "string_pattern_mismatch"):
        what += f", not '{mistake['input']}'"
    named = [document.place(path)]
    if path[:1] == ("claims",) and len(path) > 1:
        claim_id = document.node((*path[:2], "id"))
        named.append(claim_id.value if isinstance(claim_id, yaml.ScalarNode) else f"claim {path[1]}")
        path = path[2:]
    return ": ".join([*named, *(str(step) for step in path), what])
