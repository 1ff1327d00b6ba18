"""A headless Chromium, spoken to over its debugging protocol, to see a page as a person does."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import urllib.request
from contextlib import contextmanager
from itertools import count
from typing import TYPE_CHECKING, Any

from websockets.sync.client import connect

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from websockets.sync.client import ClientConnection

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
_FLAGS = (
    "--headless",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--remote-debugging-port=0",
)
_SANDBOX = () if os.name != "posix" or os.geteuid() else ("--no-sandbox",)
_COMPLAINTS = ("Log.entryAdded", "Runtime.exceptionThrown")


class Page:
    """One tab."""

    def __init__(self, link: ClientConnection) -> None:
        self._link = link
        self._ids = count(1)
        self.complaints: list[str] = []
        for domain in ("Page", "Log", "Runtime"):
            self.command(f"{domain}.enable")

    def command(self, method: str, **params: Any) -> dict[str, Any]:
        number = next(self._ids)
        self._link.send(json.dumps({"id": number, "method": method, "params": params}))
        return self._wait("id", number).get("result", {})

    def open(self, path: Path, *, width: int, height: int = 900, dark: bool = False) -> None:
        """Load a file and wait until it is there."""
        self.complaints.clear()
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.command("Emulation.setEmulatedMedia", media="", features=[scheme])
        self.command(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )
        self._link.send(
            json.dumps({"id": 0, "method": "Page.navigate", "params": {"url": path.as_uri()}})
        )
        self._wait("method", "Page.loadEventFired")

    def ask(self, script: str) -> Any:
        """The value of an expression in the page."""
        answer = self.command("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def press(self, key: str, code: int, text: str = "") -> None:
        """Press a key and let it go."""
        told = {"key": key, "code": key, "windowsVirtualKeyCode": code}
        self.command("Input.dispatchKeyEvent", type="keyDown", text=text, **told)
        self.command("Input.dispatchKeyEvent", type="keyUp", **told)

    def _wait(self, member: str, value: object) -> dict[str, Any]:
        while True:
            message: dict[str, Any] = json.loads(self._link.recv(timeout=30))
            if message.get("method") in _COMPLAINTS:
                self.complaints.append(json.dumps(message["params"]))
            if message.get(member) == value:
                return message


@contextmanager
def browser(profile: Path) -> Iterator[Page]:
    """Start Chromium with a fresh profile; it ends with the block."""
    assert CHROMIUM is not None
    command = [CHROMIUM, *_FLAGS, *_SANDBOX, f"--user-data-dir={profile}", "about:blank"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            lines = (re.search(r"ws://127\.0\.0\.1:(\d+)/", line) for line in process.stderr)
            port = next(found for found in lines if found)[1]
            direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
            with direct.open(f"http://127.0.0.1:{port}/json", timeout=30) as answer:
                tabs = json.load(answer)
            url = next(tab for tab in tabs if tab["type"] == "page")["webSocketDebuggerUrl"]
            with connect(url, max_size=None, proxy=None) as link:
                yield Page(link)
        finally:
            process.kill()
