"""user-data: the template with its one blank, the discovery URL, filled in."""

import re
from pathlib import Path

import yaml

from testbed.errors import TestbedError
from testbed.options import is_discovery_url

BLANK = "<discovery-url>"
HEADER = "#cloud-config"
# Nothing, a comment, or words in angle brackets stand where the URL belongs.
OPEN = re.compile(r"\s*discovery:\s*(<.*|#.*)?$")
GIVEN = re.compile(r"\s*discovery:\s*(.*\S)\s*$")


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


def demand_filled(file: Path, service: str) -> None:
    """Raise TestbedError, naming file and line, when the user's own user-data, if there is one, cannot start a cluster.

    Its discovery URL is missing, or none that may go into a shell. `service` is the discovery service whose /new prints one.
    """
    if not file.exists():
        return
    text = file.read_text()
    validate(text, file.name)
    for number, line in enumerate(text.splitlines(), start=1):
        if OPEN.match(line):
            raise TestbedError(f"{file.name}:{number}: the discovery URL is blank: paste what `curl {service}/new` prints")
        if (given := GIVEN.match(line)) and not is_discovery_url(str(yaml.safe_load(given[1]))):
            raise TestbedError(f"{file.name}:{number}: {given[1]} is no discovery URL: paste what `curl {service}/new` prints")


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
