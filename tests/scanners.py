"""Scanners of attachments on 127.0.0.1, which decide by the content of a file."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

BAD, BROKEN, SLOW = b"a virus", b"a file on which there is no verdict", b"a file that takes long"
"""What a file contains that is rejected, that makes the scanner fail, and that makes it wait until `Scans.go_on`."""


class Scans:
    """What a scanner was asked."""

    def __init__(self) -> None:
        self.address = ""
        self.contents: list[bytes] = []
        self.requests: list[Any] = []
        self.go_on = threading.Event()


@contextmanager
def clamd() -> Generator[Scans]:
    """Speak the protocol of clamd: one INSTREAM for each connection."""
    scans = Scans()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            assert self.rfile.read(10) == b"zINSTREAM\0"
            content = b""
            while size := int.from_bytes(self.rfile.read(4)):
                content += self.rfile.read(size)
            scans.contents.append(content)
            if SLOW in content:
                scans.go_on.wait(60)
            if BROKEN not in content:
                self.wfile.write(b"stream: Eicar FOUND\0" if BAD in content else b"stream: OK\0")

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as server:
        scans.address = f"clamd://127.0.0.1:{server.server_address[1]}"
        with _served(server):
            yield scans


@contextmanager
def http_scanner(status: str) -> Generator[Scans]:
    """Answer each request with a status."""
    scans = Scans()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            scans.requests.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            body = json.dumps({"Status": status}).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Write nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        scans.address = f"http://127.0.0.1:{server.server_address[1]}/scan"
        with _served(server):
            yield scans


@contextmanager
def _served(server: socketserver.BaseServer) -> Generator[None]:
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
