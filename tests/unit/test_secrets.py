"""What is left of a text that held a secret."""

import pytest

from testbed.secrets import LEFT_OUT, redact

KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXk=\n-----END OPENSSH PRIVATE KEY-----"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        (KEY, LEFT_OUT),
        (f"before\n{KEY}\nafter", f"before\n{LEFT_OUT}\nafter"),
        (KEY.partition("-----END")[0], LEFT_OUT),
        (repr(KEY), f"'{LEFT_OUT}'"),
        (
            "stdout='-----BEGIN OPENSSH PRIVATE K...aC1r/ZX+k=\\n-----END OPENSSH PRIVATE KEY-----\\n', rc=0",
            f"stdout='-----{LEFT_OUT}\\n', rc=0",
        ),
        ("stdout='-----BEGIN OPEN...aC1rZXk=\\n-----END RSA PRIVATE KEY-----'", f"stdout='-----{LEFT_OUT}'"),
        ("docker swarm join --token SWMTKN-1-49nj1cmql0-8vxv8", f"docker swarm join --token {LEFT_OUT}"),
    ],
    ids=["whole", "in its place", "no last line", "one line", "cut in the middle of its first line", "cut early", "join token"],
)
def test_nothing_of_a_secret_is_left(text: str, left: str) -> None:
    assert redact(text) == left


def test_long_text_without_a_secret_is_left_as_it_is() -> None:
    """In linear time: an output is up to megabytes long."""
    text = "b3BlbnNzaC1rZXk" * 100_000
    assert redact(text) == text
