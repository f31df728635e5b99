"""The discovery URL, against a small service of the test's own on loopback."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from testbed import discovery
from testbed.errors import TestbedError

ANSWERS = {
    "/new?size=3": (200, "http://127.0.0.1/token\n"),
    "/fresh/_config/size": (200, "{}"),
    "/fresh": (200, json.dumps({"node": {}})),
    "/used/_config/size": (200, "{}"),
    "/used": (200, json.dumps({"node": {"nodes": [{}, {}, {}]}})),
}


class Service(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        status, body = ANSWERS.get(self.path, (404, ""))
        self.send_response(status)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def service() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Service) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_fresh_url_is_the_services_answer(service: str) -> None:
    assert discovery.fresh_url(service, 3) == "http://127.0.0.1/token"


def test_a_service_that_refuses_is_named(service: str) -> None:
    with pytest.raises(TestbedError, match="answered 404 to /new"):
        discovery.fresh_url(service, 5)


def test_an_unused_url_passes(service: str) -> None:
    discovery.demand_unused(f"{service}/fresh")


def test_a_used_up_url_is_refused_with_the_count(service: str) -> None:
    with pytest.raises(TestbedError, match="used up, 3 members are registered"):
        discovery.demand_unused(f"{service}/used")


def test_a_url_that_no_service_gave_is_refused(service: str) -> None:
    with pytest.raises(TestbedError, match="answered 404 for its size"):
        discovery.demand_unused(f"{service}/invented")


def test_an_unreachable_service_is_named() -> None:
    with pytest.raises(TestbedError, match=r"discovery service http://127\.0\.0\.1:1: .*--discovery private"):
        discovery.fresh_url("http://127.0.0.1:1", 3)
