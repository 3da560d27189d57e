"""A proxy of TCP that delays, cuts and stalls when a test says so: before a database, say, or a redis."""

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Coroutine
from typing import Any

_CHUNK = 65536
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close by RST, at once


class TcpGate:
    """Serves from the moment it is made until close()."""

    def __init__(self, port: int):
        """`port`: of what stands behind, on loopback."""
        self._behind = port
        self._delay = 0.0
        self._writers: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._open = asyncio.Event()
        self._open.set()
        self._server = self._do(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.port: int = self._server.sockets[0].getsockname()[1]

    def close(self) -> None:
        self._call(self._server.close)
        self.cut()
        self._call(self._loop.stop)
        self._thread.join()

    def delay(self, seconds: float) -> None:
        """Of everything, in both directions."""
        self._delay = seconds

    def stall(self) -> None:
        """Connections are taken and stay open, and nothing passes. What is on its way arrives when that is over."""
        self._call(self._open.clear)

    def heal(self) -> None:
        self._delay = 0.0
        self._call(self._open.set)

    def cut(self, *, reset: bool = False) -> None:
        """Ends all connections, by RST or by FIN. New ones are taken."""
        self._call(lambda: self._cut(reset))

    def _do(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    def _call(self, act: Callable[[], object]) -> None:
        self._loop.call_soon_threadsafe(act)

    def _cut(self, reset: bool) -> None:
        for writer in self._writers:
            if reset:
                ends: socket.socket = writer.get_extra_info("socket")
                ends.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                writer.transport.abort()
            else:
                writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            behind_reader, behind_writer = await asyncio.open_connection("127.0.0.1", self._behind)
        except OSError:
            writer.close()
            return
        both = {writer, behind_writer}
        self._writers |= both
        try:
            await asyncio.gather(self._pump(reader, behind_writer), self._pump(behind_reader, writer))
        finally:
            self._writers -= both

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(_CHUNK):
                await asyncio.sleep(self._delay)
                await self._open.wait()
                writer.write(data)
                await writer.drain()
        writer.close()
