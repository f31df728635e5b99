"""user-data: the template with its one blank, the discovery URL, filled in."""

from pathlib import Path

import yaml

from testbed.errors import TestbedError

BLANK = "<discovery-url>"
HEADER = "#cloud-config"


def render(template: Path, discovery_url: str) -> str:
    """The cloud-config of `template` with `discovery_url` in its blank.

    Raises TestbedError when the template has no blank or several, lacks the header line that tells CoreOS and cloud-init
    what it is, or is not YAML; the message names file and line.
    """
    text = template.read_text()
    if text.count(BLANK) != 1:
        raise TestbedError(f"{template.name}: {text.count(BLANK)} blanks {BLANK}, wanted exactly one, at coreos.etcd2.discovery")
    validate(text, template.name)
    return text.replace(BLANK, discovery_url)


def validate(text: str, name: str) -> None:
    """Raise TestbedError, with `name` and the line, unless `text` is a cloud-config with a `coreos` section."""
    if text.split("\n", 1)[0].rstrip() != HEADER:
        raise TestbedError(f"{name}:1: the first line must be {HEADER}")
    try:
        config = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        raise TestbedError(f"{name}:{line}: not YAML: {error.problem}; indent with spaces and close what is open") from error
    if not isinstance(config, dict) or not isinstance(config.get("coreos"), dict):
        raise TestbedError(f"{name}: no section `coreos:`; without it no node runs etcd")
