"""Servers on this machine that behave as those of others do, on good days and on bad ones."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit


class Served:
    """What a server was asked, and how it is to behave.

    Attributes
    ----------
    url : str
        Its address.
    failing : int
        How many of the next requests are answered with 503.
    delay : float
        Seconds that each answer takes.
    asked : list of str
        Method and path of each request so far.
    most : int
        The most requests it had at a time.
    """

    def __init__(self) -> None:
        self.url, self.failing, self.delay = "", 0, 0.0
        self.asked: list[str] = []
        self.most = self._open = 0
        self._lock = threading.Lock()

    @contextmanager
    def request(self, line: str) -> Iterator[bool]:
        """Note a request; whether it is to fail."""
        with self._lock:
            self.asked.append(line)
            self._open += 1
            self.most = max(self.most, self._open)
            fails = self.failing > 0
            self.failing -= fails
        try:
            time.sleep(self.delay)
            yield fails
        finally:
            with self._lock:
                self._open -= 1


class Proxy(BaseHTTPRequestHandler):
    """Hands requests on to another server, unless it is to fail."""

    def __init__(self, *args, served, target, **options) -> None:
        self.served, self.target = served, target
        super().__init__(*args, **options)

    def do_GET(self) -> None:
        sent = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        with self.served.request(f"{self.command} {self.path}") as fails:
            if fails:
                self.answer(503, b"slow down")
                return
            onward = http.client.HTTPConnection(urlsplit(self.target).netloc)
            onward.request(self.command, self.path, sent or None, dict(self.headers))
            got = onward.getresponse()
            self.answer(got.status, got.read(), dict(got.getheaders()))
            onward.close()

    do_HEAD = do_PUT = do_DELETE = do_GET  # noqa: N815 - the names http.server looks for

    def answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        kept = {k: v for k, v in (headers or {}).items() if k.lower() not in ("content-length", "connection")}
        for name, value in {**kept, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_args) -> None:
        """Say nothing."""


class Files(SimpleHTTPRequestHandler):
    """The files of a folder, unless it is to fail."""

    def __init__(self, *args, served, **options) -> None:
        self.served = served
        super().__init__(*args, **options)

    def do_GET(self) -> None:
        with self.served.request(f"{self.command} {self.path} {self.headers.get('X-Token', '')}") as fails:
            if fails:
                self.send_error(503)
            else:
                super().do_GET()

    def log_message(self, *_args) -> None:
        """Say nothing."""


class Objects(Files):
    """The files of a folder as the objects of a bucket of Google's: ``/storage/v1/b/<bucket>/o/<object>``."""

    def translate_path(self, path: str) -> str:
        _, _, name = urlsplit(path).path.partition("/o/")
        return str(Path(self.directory, unquote(name)))


@contextmanager
def serving(handler, **options) -> Iterator[Served]:
    """Run a server while the block runs."""
    served = Served()
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, served=served, **options)) as server:
        served.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield served
        finally:
            server.shutdown()
            thread.join()
