"""user-data: the blank is filled, and what is broken is named by its line."""

from pathlib import Path

import pytest
import yaml

from testbed import paths, userdata
from testbed.errors import TestbedError

URL = "http://172.28.8.2:8087/0123456789abcdef"


def template(folder: Path, text: str) -> Path:
    file = folder / "user-data.template"
    file.write_text(text)
    return file


def test_the_projects_template_becomes_a_cloud_config() -> None:
    config = yaml.safe_load(userdata.render(paths.ROOT / "user-data.template", URL))
    assert config["coreos"]["etcd2"]["discovery"] == URL


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("#cloud-config\ncoreos: {etcd2: {discovery: x}}\n", "0 blanks <discovery-url>, wanted exactly one"),
        ("#cloud-config\na: <discovery-url>\nb: <discovery-url>\n", "2 blanks"),
        ("coreos: {discovery: <discovery-url>}\n", "user-data.template:1: the first line must be #cloud-config"),
        ("#cloud-config\ncoreos:\n\tdiscovery: <discovery-url>\n", "user-data.template:3: not YAML"),
        ("#cloud-config\ncoreos: {discovery: <discovery-url>\n", "user-data.template:3: not YAML"),
        ("#cloud-config\nusers: [<discovery-url>]\n", "no section `coreos:`"),
    ],
)
def test_a_broken_template_is_named_with_its_line(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(TestbedError) as error:
        userdata.render(template(tmp_path, text), URL)
    assert complaint in str(error.value)
    assert "\n" not in str(error.value)
