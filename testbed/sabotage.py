"""The sabotages: for each claim a fault that makes it false, read from `tests/sabotage/<chapter>.yaml` and checked.

A fault is commands on machines, or a change of the commands or constants of the check, or a named context manager.
"""

import math
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator, model_validator

from testbed import lined_yaml
from testbed.errors import TestbedError
from testbed.leases import QUORUM
from testbed.register import Text, suggestion

NODE, TWO_NODES, ALL_NODES, EVERYTHING, HOST = "node", "two nodes", "nodes", "everything", "host"
"""What fault and check may use: one node, two, or all of them; all machines; or none, but what they make themselves."""
NAME = re.compile(rf"core-\d\d|boot2docker|{QUORUM}")


def _several(value: object) -> object:
    return (value,) if isinstance(value, str) else value


Names = Annotated[tuple[str, ...], BeforeValidator(_several)]


class Entry(BaseModel):
    """One sabotage. The docs of its fields: docs/adding-a-claim.md."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    claim: Text
    together: Text | None = None
    tests: Names = ()
    uses: Names = (ALL_NODES,)
    at: Names = (NODE,)
    do: Text | None = None
    undo: Text | None = None
    until: Text | None = None
    healed: Text | None = None
    instead: Mapping[str, str] = {}
    set: Mapping[str, object] = {}
    patience: float = Field(default=math.inf, gt=0, strict=True)
    fault: Text | None = None
    given: Mapping[str, object] = {}
    says: Names = ()

    @property
    def group(self) -> str:
        """The name of all whose faults are put in at once with its own."""
        chapter = self.claim.partition(".")[0]
        return self.claim if not self.together else self.together if "." in self.together else f"{chapter}.{self.together}"

    @field_validator("uses")
    @classmethod
    def _known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        words = (NODE, TWO_NODES, ALL_NODES, EVERYTHING, HOST)
        if not (len(value) == 1 and value[0] in words) and not all(map(NAME.fullmatch, value)):
            raise ValueError(f"is {', '.join(value)}, so it must be one of {', '.join(words)}, or machines by name, and {QUORUM}")
        return value

    @model_validator(mode="after")
    def _has_a_fault(self) -> "Entry":
        if not (self.do or self.instead or self.set or self.fault):
            raise ValueError("there is no fault: give do, instead, set or fault")
        if self.do and not self.undo:
            raise ValueError("do without undo")
        return self


def uses(entries: Sequence[Entry]) -> tuple[str, ...]:
    """What the faults and checks of entries that are put in together use."""
    several = {entry.uses for entry in entries}
    return several.pop() if len(several) == 1 else (EVERYTHING,)


def load(file: Path, claims: Collection[str]) -> tuple[Entry, ...]:
    """Returns the entries of a chapter; raises TestbedError with every mistake: `sabotage/etcd.yaml:3: what is wrong`."""
    document = lined_yaml.read(file)
    known = [claim for claim in claims if claim.startswith(f"{file.stem}.")]
    entries: list[Entry] = []
    mistakes: list[str] = []
    for index, data in enumerate(document.data if isinstance(document.data, list) else [document.data]):
        try:
            entry = Entry.model_validate(data)
        except ValidationError as error:
            for each in error.errors():
                field = ".".join(map(str, each["loc"])) or "entry"
                place = document.place((index, *each["loc"]))
                mistakes.append(f"{place}: {field}: {each['msg'].removeprefix('Value error, ')}")
        else:
            mistakes += [f"{document.place((index, 'claim'))}: {mistake}" for mistake in _mistakes(entry, entries, known)]
            entries.append(entry)
    if mistakes:
        raise TestbedError("\n".join(mistakes))
    return tuple(entries)


def _mistakes(entry: Entry, before: Sequence[Entry], known: Sequence[str]) -> Iterator[str]:
    """What is wrong with an entry that comes after others."""
    if entry.claim not in known:
        yield f"unknown claim '{entry.claim}'{suggestion(entry.claim, known)}"
    if entry.claim in [other.claim for other in before]:
        yield f"{entry.claim} stands twice"
    for other in before:
        if entry.group == other.group:
            yield from clashes(entry, other)


def clashes(one: Entry, other: Entry) -> Iterator[str]:
    """Why the faults of both can not be put in at once."""
    if one.patience != other.patience:
        yield f"together with {other.claim}, whose patience is {other.patience} s and not {one.patience} s"
    for mine, its in ((one.instead, other.instead), (one.set, other.set)):
        for name in mine.keys() & its.keys():
            if mine[name] != its[name]:
                yield f"together with {other.claim}, which has something else for '{name}'"
