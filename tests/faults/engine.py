"""An engine that can be restarted although others use it: the host's own, seen through a socket of the tests'.

What a run sees of a restart is the same: every connection breaks, the socket is gone for some seconds, and the containers that
have no restart policy have ended.
"""

import asyncio
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Thread

import docker
from docker.errors import APIError

from testbed.engine import CHECKOUT_LABEL, socket_path
from tests.faults.checkout import Checkout

AWAY_SECONDS = 3


class Engine:
    """The socket, and what goes through it."""

    def __init__(self, socket: Path) -> None:
        self.socket = socket
        self.loop = asyncio.new_event_loop()
        self.server: asyncio.Server | None = None
        self.open: set[asyncio.StreamWriter] = set()
        self.thread = Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()

    def begin(self) -> None:
        self._do(self._begin())

    def end(self) -> None:
        self._do(self._end())

    def close(self) -> None:
        self.end()
        self._do(_all_others_end())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()

    def restart(self, checkout: Checkout) -> None:
        """The socket goes, the checkout's containers end, and after some seconds the socket is there again."""
        self.end()
        for container in docker.from_env().containers.list(filters={"label": f"{CHECKOUT_LABEL}={checkout.id}"}):
            with suppress(APIError):  # it has ended by itself
                container.kill()
        Event().wait(AWAY_SECONDS)
        self.begin()

    def _do(self, what: object) -> None:
        asyncio.run_coroutine_threadsafe(what, self.loop).result(30)  # type: ignore[arg-type]  # a coroutine of this class

    async def _begin(self) -> None:
        self.server = await asyncio.start_unix_server(self._serve, self.socket)

    async def _end(self) -> None:
        if self.server:
            self.server.close()
        for writer in list(self.open):
            writer.transport.abort()
        self.socket.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        engine_reader, engine_writer = await asyncio.open_unix_connection(socket_path())
        self.open |= {writer, engine_writer}
        try:
            await asyncio.gather(_pass_on(reader, engine_writer), _pass_on(engine_reader, writer))
        finally:
            self.open -= {writer, engine_writer}
            writer.close()
            engine_writer.close()


async def _all_others_end() -> None:
    """What was passed on is at its end, as every connection is broken."""
    await asyncio.gather(*asyncio.all_tasks() - {asyncio.current_task()}, return_exceptions=True)


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Until one side has no more to say; the other may then still answer."""
    with suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()


@contextmanager
def engine_of(checkout: Checkout) -> Iterator[Engine]:
    """An engine for the checkout's runs: DOCKER_HOST is its socket."""
    folder = checkout.folder.with_name("engine")
    folder.mkdir()
    engine = Engine(folder / "docker.sock")
    engine.begin()
    try:
        yield engine
    finally:
        engine.close()
        shutil.rmtree(folder)
