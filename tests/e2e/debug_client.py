"""A client of the debugger's own pages, as the browser's scripts speak to them."""

from __future__ import annotations

import http.client
import json
from typing import Any
from urllib.parse import urlsplit

from harness import ServerProcess

WAIT = 20.0
LINK = r"Debugger: .*\s+(http://\S+/unlock#\S+)"
"""What the terminal shows."""


class DebugClient:
    """One unlocked browser.

    Args:
        link: the one-time link that the terminal shows.
    """

    def __init__(self, link: str) -> None:
        parts = urlsplit(link)
        self.netloc = parts.netloc
        self.prefix = parts.path.removesuffix("/unlock")
        self.token = ""
        self.token = self.call("unlock", key=parts.fragment)["token"]

    @classmethod
    def of(cls, server: ServerProcess) -> DebugClient:
        """The one that opens the link that the server has printed."""
        found = server.wait_for_output(LINK)
        return cls(found.group(1))

    def call(self, name: str, **body: Any) -> Any:
        """One call of the API; a stream of events is read to its end."""
        status, text = self.post(f"/api/{name}", json.dumps(body))
        assert status == 200, text
        lines = [json.loads(line) for line in text.splitlines()]
        return lines if name in ("evaluate", "cancel", "complete", "about", "repeat") else lines[0]

    def post(self, path: str, body: str, headers: dict[str, str] | None = None) -> tuple[int, str]:
        """A request as the pages send it."""
        connection = http.client.HTTPConnection(self.netloc, timeout=WAIT)
        said = {
            "Content-Type": "application/json",
            "Origin": f"http://{self.netloc}",
            "X-Pilotlight-Token": self.token,
            **(headers or {}),
        }
        connection.request("POST", self.prefix + path, body, said)
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer.status, text

    def reports(self) -> list[dict[str, Any]]:
        """The list of errors, the newest first."""
        found: list[dict[str, Any]] = self.call("reports")["reports"]
        return found

    def frame(self, report: str, function: str) -> int:
        """The number of a frame by the name of its function."""
        frames = self.call("report", id=report, nonce="0" * 32)["frames"]
        return next(
            int(each["handle"]) for each in frames if each["label"].partition(",")[0].endswith(function)
        )

    def introduction(self) -> list[str]:
        """What the plain console says of its names."""
        events = self.call("about", report="", frame=-1)
        assert events[-1]["status"] == "ok", events
        return [str(event["text"]) for event in events if event["type"] == "note"]

    def evaluate(self, code: str, report: str = "", frame: int = -1) -> list[dict[str, Any]]:
        """All events of one evaluation."""
        events: list[dict[str, Any]] = self.call("evaluate", report=report, frame=frame, code=code)
        return events

    def value(self, code: str, report: str = "", frame: int = -1) -> str:
        """What the console shows of the value of an expression."""
        events = self.evaluate(code, report, frame)
        assert events[-1]["status"] == "ok", events
        return next(str(event["value"]["text"]) for event in events if event["type"] == "value")
