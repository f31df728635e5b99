"""What the guard reads from a machine's answers."""

from testbed import guard

ANSWERS = (
    "root:x:0:0:root:/root:/bin/bash\n",
    "docker:x:999:core\n",
    "docker.service loaded active running Docker's Engine\nweb.service   not-found failed failed web.service\n",
    "/home/core d 755 core:core\n",
    "/sys/class/net/br-1234\n/sys/class/net/docker0\n/sys/class/net/eth0\n",
    "-P INPUT ACCEPT\n-A INPUT -s 10.0.0.9/32 -j DROP\n-A FORWARD -j DOCKER\n",
    "Use% IUse% Mounted on\n 20%    4% /\n100%    1% /mnt/a disk\n  0%  100% /run\n  0%     - /dev\n",
    "1795464414 UTC\n",
)


def test_a_snapshot_has_the_lines_that_count() -> None:
    assert list(guard.of_system(f"{guard.END}\n".join(ANSWERS))) == [
        "user root:x:0:0:root:/root:/bin/bash",
        "group docker:x:999:core",
        "unit docker.service active",
        "unit web.service failed",
        "file /home/core d 755 core:core",
        "bridge br-1234",
        "bridge docker0",
        "iptables -P INPUT ACCEPT",
        "iptables -A INPUT -s 10.0.0.9/32 -j DROP",
        "full /mnt/a disk",
        "full /run",
        "clock 1795464414 UTC",
    ]


def test_what_was_not_answered_has_no_lines() -> None:
    assert list(guard.of_system("")) == []
