"""Faults of the cluster made by hand: in the files of the second checkout, and in what is typed there."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import docker
import pytest

from testbed import host, preparation, scratch
from testbed.host import Line
from testbed.machine import Machine
from testbed.transcript import Result

OTHER_IMAGE = "cododemo-sabotage"


@contextmanager
def edited(*_: Machine, files: Mapping[str, Mapping[str, str]]) -> Iterator[None]:
    """In these files of the checkout these words are replaced by others, from its beginning on."""
    copy = scratch.copy

    def copied(folder: Path) -> None:
        copy(folder)
        for name, changes in files.items():
            file = folder / name
            text = file.read_text()
            for words, others in changes.items():
                if words not in text:
                    raise RuntimeError(f"{name} has no {words!r}")
                text = text.replace(words, others)
            file.write_text(text)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scratch, "copy", copied)
        yield


@contextmanager
def typed(*_: Machine, instead: Mapping[str, str], nth: Sequence[int] = ()) -> Iterator[None]:
    """In what is typed there these words are replaced by others: every time, or only the first, second, ... time."""
    watch = host.watch
    seen = dict.fromkeys(instead, 0)

    def rewritten(command: str, folder: Path, environment: Mapping[str, str]) -> tuple[Result, tuple[Line, ...]]:
        for words, others in instead.items():
            if words in command:
                seen[words] += 1
                if not nth or seen[words] in nth:
                    command = command.replace(words, others)
        return watch(command, folder, environment)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(host, "watch", rewritten)
        yield


@contextmanager
def another_image(*_: Machine, files: Mapping[str, Mapping[str, str]]) -> Iterator[None]:
    """There is another image of a node, `cododemo-sabotage`, and the files are edited to use it."""
    engine = docker.from_env()
    node = preparation.read_facts()["images"]["node"]
    engine.images.build(fileobj=BytesIO(f"FROM {node}\nLABEL another=one\n".encode()), tag=OTHER_IMAGE, rm=True, forcerm=True)
    try:
        with edited(files=files):
            yield
    finally:
        engine.images.remove(OTHER_IMAGE, force=True)
