"""A server of somebody else's pages, for the browser: of the app, or of an attacker."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from listener_harness import LIMIT


class AppServer:
    """An app's own pages on another port; `page` is what it serves."""

    def __init__(self) -> None:
        self.page = b""
        self.scripts: dict[str, bytes] = {}
        app = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                script = app.scripts.get(self.path)
                body = app.page if script is None else script
                self.send_response(200)
                kind = "text/html" if script is None else "text/javascript"
                self.send_header("Content-Type", f"{kind}; charset=utf-8")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()
        self.port = self._server.server_port

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join(LIMIT)
        self._server.server_close()
