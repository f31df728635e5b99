"""The engine over its socket, against a little server that answers as Docker does; and starting it, against fake programs."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from ipaddress import IPv4Network
from pathlib import Path
from socketserver import UnixStreamServer
from typing import Any

import pytest

from testbed import dockerd, engine, paths
from testbed.errors import TestbedError

INFO = {
    "ID": "AAAA:BBBB",
    "Name": "vm",
    "DockerRootDir": "/var/lib/docker",
    "Driver": "overlay2",
    "CgroupVersion": "2",
    "OperatingSystem": "Debian GNU/Linux 12 (bookworm)",
    "SecurityOptions": ["name=seccomp,profile=default"],
}
VERSION = {"Version": "20.10.24+dfsg1", "MinAPIVersion": "1.12"}
Answers = dict[str, Any]


@pytest.fixture
def answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Answers]:
    """The server's answers by path; one with a message is an error, as Docker's are."""
    by_path: Answers = {"/info": INFO, "/version": VERSION}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer = by_path[self.path.partition("?")[0]]
            self.send_response(500 if "message" in answer else 200)
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    address = str(tmp_path / "docker.sock")
    with UnixStreamServer(address, lambda request, _, server: Handler(request, ("local", 0), server)) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        monkeypatch.setenv("DOCKER_HOST", f"unix://{address}")
        yield by_path
        server.shutdown()
        thread.join()


@pytest.mark.usefixtures("answers")
def test_info_tells_the_engine() -> None:
    found = engine.info()
    assert str(found) == "Docker 20.10.24+dfsg1, overlay2, cgroup v2"
    assert (found.root, found.identity, found.host, found.remote) == (Path("/var/lib/docker"), "AAAA:BBBB", "vm", "")


@pytest.mark.parametrize(
    ("facts", "why"),
    [({"OperatingSystem": "Docker Desktop"}, "Docker Desktop"), ({"SecurityOptions": ["name=rootless"]}, "rootless")],
)
def test_engine_with_networks_out_of_reach_is_remote(answers: Answers, facts: dict[str, object], why: str) -> None:
    answers["/info"] = INFO | facts
    assert why in engine.info().remote


def test_networks_have_their_bridge_subnets_and_checkout(answers: Answers) -> None:
    answers["/networks"] = [
        {"Name": "host", "Id": "0" * 64, "IPAM": {"Config": None}, "Options": None, "Labels": None},
        {
            "Name": "bridge",
            "Id": "1" * 64,
            "IPAM": {"Config": [{"Subnet": "172.17.0.0/16"}, {"Subnet": "fd00::/64"}]},
            "Options": {"com.docker.network.bridge.name": "docker0"},
            "Labels": {},
        },
        {
            "Name": "ours",
            "Id": "2" * 64,
            "IPAM": {"Config": [{"Subnet": "172.28.8.0/24"}]},
            "Options": {},
            "Labels": {"cododemo.checkout": "12345678"},
        },
    ]
    assert engine.networks() == [
        engine.Network("host", f"br-{'0' * 12}", (), ""),
        engine.Network("bridge", "docker0", (IPv4Network("172.17.0.0/16"),), ""),
        engine.Network("ours", f"br-{'2' * 12}", (IPv4Network("172.28.8.0/24"),), "12345678"),
    ]


def test_leftovers_are_containers_networks_and_volumes(answers: Answers) -> None:
    answers["/containers/json"] = [{"Names": ["/core-01"], "Ports": [{"PublicPort": 2222}, {"PrivatePort": 80}]}]
    answers["/networks"] = [{"Name": "net"}]
    answers["/volumes"] = {"Volumes": None}
    assert engine.leftovers() == ["core-01", "net"]
    assert engine.own_ports() == {2222}


def test_error_answer_is_told(answers: Answers) -> None:
    answers["/info"] = {"message": "no space left"}
    with pytest.raises(engine.EngineSilent, match="answers /info with 500: no space left"):
        engine.info()


@pytest.mark.parametrize(
    ("host", "line"),
    [
        ("tcp://boot2docker:2375", "DOCKER_HOST=tcp://boot2docker:2375 is another machine's engine: unset DOCKER_HOST"),
        ("unix:///nowhere/docker.sock", "no Docker engine answers on /nowhere/docker.sock: start it, or unset DOCKER_HOST"),
    ],
)
def test_silence_is_told_with_its_mend(monkeypatch: pytest.MonkeyPatch, host: str, line: str) -> None:
    monkeypatch.setenv("DOCKER_HOST", host)
    assert not engine.answers()
    with pytest.raises(engine.EngineSilent) as raised:
        dockerd.ensure()
    assert str(raised.value) == line


@pytest.fixture
def stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No engine, no service manager, a root user and a folder for programs, from which alone they are taken."""
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.setattr(engine, "SOCKET", str(tmp_path / "docker.sock"))
    monkeypatch.setattr(dockerd, "SERVICE_MANAGER", tmp_path / "none")
    monkeypatch.setattr(dockerd, "LOG", tmp_path / "dockerd.log")
    monkeypatch.setattr(dockerd, "PID_FILES", {"dockerd": tmp_path / "docker.pid", "containerd": tmp_path / "c.pid"})
    monkeypatch.setattr(dockerd, "as_root", list)
    monkeypatch.setattr("testbed.system.SBIN", "")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(dockerd, "find", lambda name: str(tmp_path / name) if (tmp_path / name).exists() else None)
    return tmp_path


def program(folder: Path, name: str, script: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


def test_no_engine_and_no_dockerd(stopped: Path) -> None:
    with pytest.raises(TestbedError, match=f"no Docker engine answers on {stopped}/docker.sock, and there is no dockerd"):
        dockerd.ensure()


def test_not_root_and_no_sudo(stopped: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(stopped, "dockerd", "true")
    monkeypatch.setattr(dockerd, "as_root", lambda: None)
    with pytest.raises(TestbedError, match="not running and starting it needs root"):
        dockerd.ensure()


def test_dockerd_that_ends_is_told_with_its_last_words(stopped: Path) -> None:
    program(stopped, "dockerd", "echo starting; echo failed to start daemon: no overlay >&2; exit 1")
    with pytest.raises(TestbedError, match=r"dockerd ended at once with 1 \(.*dockerd.log\): failed to start daemon"):
        dockerd.ensure()


def test_dockerd_gets_none_of_our_variables_and_a_session(stopped: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CODODEMO_CHECKOUT", "12345678")
    program(stopped, "dockerd", "env | grep -c CODODEMO; ps -o sid= -p $$ | tr -d ' '; echo $$; exit 3")
    with pytest.raises(TestbedError, match="ended at once with 3"):
        dockerd.ensure()
    ours, session, pid = (stopped / "dockerd.log").read_text().split()
    assert (ours, session) == ("0", pid)


def test_service_manager_starts_the_engine(stopped: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dockerd, "SERVICE_MANAGER", stopped)
    program(stopped, "dockerd", "true")
    program(stopped, "systemctl", "echo Unit docker.service not found. >&2; exit 5")
    with pytest.raises(TestbedError, match=r"systemctl start docker failed: Unit docker.service not found"):
        dockerd.ensure()


def test_stale_pid_files_are_removed_first(stopped: Path) -> None:
    """One names a program that is not dockerd, the other nothing that runs."""
    (stopped / "docker.pid").write_text("1")
    (stopped / "c.pid").write_text("999999999")
    program(stopped, "dockerd", "exit 1")
    with pytest.raises(TestbedError, match="ended at once"):
        dockerd.ensure()
    assert not (stopped / "docker.pid").exists()
    assert not (stopped / "c.pid").exists()


def test_checkout_id_is_eight_digits() -> None:
    assert len(paths.checkout_id()) == 8
    assert int(paths.checkout_id(), 16) >= 0
