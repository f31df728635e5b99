"""The user's own user-data: the blank that was not filled in is named with its line."""

from pathlib import Path

import pytest

from testbed import userdata
from testbed.errors import TestbedError

SERVICE = "http://172.28.8.2:8087"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Returns where the user's file lies."""
    return tmp_path / "user-data"


def write(file: Path, discovery: str) -> None:
    file.write_text(f"#cloud-config\ncoreos:\n  etcd2:\n    discovery: {discovery}\n")


@pytest.mark.parametrize("blank", ["", "<discovery-url>", "# paste it here"])
def test_a_blank_is_named_with_its_line_and_what_belongs_there(file: Path, blank: str) -> None:
    write(file, blank)
    with pytest.raises(TestbedError, match=rf"user-data:4: the discovery URL is blank: paste what `curl {SERVICE}/new` prints"):
        userdata.demand_filled(file, SERVICE)


@pytest.mark.parametrize("url", [f"{SERVICE}/0123456789abcdef", f"'{SERVICE}/0123456789abcdef'  # ours"])
def test_a_url_fills_it(file: Path, url: str) -> None:
    write(file, url)
    userdata.demand_filled(file, SERVICE)


@pytest.mark.parametrize("more", ["$(reboot)", "`reboot`", ";reboot", "|sh", "&", "%0a", "\\", "'"])
def test_a_url_that_a_shell_would_read_is_refused_with_its_line(file: Path, more: str) -> None:
    write(file, f"{SERVICE}/0123456789abcdef{more}")
    with pytest.raises(TestbedError, match=r"user-data:4: .* is no discovery URL: paste what"):
        userdata.demand_filled(file, SERVICE)


def test_a_tab_is_named_with_its_line(file: Path) -> None:
    file.write_text("#cloud-config\ncoreos:\n\tetcd2: {}\n")
    with pytest.raises(TestbedError, match="user-data:3: not YAML"):
        userdata.demand_filled(file, SERVICE)


def test_without_a_file_of_the_users_nothing_is_demanded(file: Path) -> None:
    userdata.demand_filled(file, SERVICE)
