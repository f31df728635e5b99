"""YAML that remembers its lines, so that what is wrong with a value can be told with its place."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from testbed.errors import TestbedError


@dataclass(frozen=True)
class Document:
    """One YAML file: its name as messages shall show it, its data, and the node graph that knows the lines."""

    name: str
    data: object
    root: yaml.Node | None

    def node(self, path: Sequence[int | str]) -> yaml.Node | None:
        """Returns the node under the path of keys and indices, or the nearest one above it that exists."""
        node = self.root
        for step in path:
            below: yaml.Node | None = None
            if isinstance(node, yaml.MappingNode):
                below = next((value for key, value in node.value if key.value == step), None)
            elif isinstance(node, yaml.SequenceNode) and isinstance(step, int):
                below = node.value[step]
            if below is None:
                break
            node = below
        return node

    def place(self, path: Sequence[int | str]) -> str:
        """Returns `folder/file.yaml:LINE` of what lies under the path."""
        node = self.node(path)
        return f"{self.name}:{node.start_mark.line + 1 if node else 1}"


def read(file: Path) -> Document:
    """Returns the file as a document; raises TestbedError with the line where it is not YAML or a key stands twice."""
    name = f"{file.parent.name}/{file.name}"
    try:
        loader = _Loader(file.read_bytes())
        root = loader.get_single_node()
        return Document(name, loader.construct_document(root) if root else None, root)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise TestbedError(f"{name}:{line}: {error.problem}") from error
    except yaml.YAMLError as error:
        raise TestbedError(f"{name}:1: {error}") from error


class _Loader(yaml.CSafeLoader):  # libyaml's: every process of a run reads the register, and Python's takes a second for it
    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, object]:
        seen: set[str] = set()
        for key, _ in node.value:
            if str(key.value) in seen:  # PyYAML would let the last one win in silence
                raise yaml.MarkedYAMLError(problem=f"{key.value} stands twice", problem_mark=key.start_mark)
            seen.add(str(key.value))
        return super().construct_mapping(node, deep)
