"""An adapter of a server, a mock platform in a process of its own: ``python serving.py [MODE]``.

Options that the platform does not know are answered by ``unsupported``, as adapters of foreign
servers do. ``refuse``, ``crash``, ``hang`` and ``vague`` misbehave at ``serve``; ``mortal`` leaves
at the first ``act``, ``stuck`` never answers it.
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any

from mock_servers import mock
from mock_servers.threaded import ThreadedPlatform
from protocol_core.errors import ConfigurationError

FEATURES = ["clock", "triggers"]


class Unable(Exception):  # noqa: N818 - an answer of the contract
    pass


class Stand:
    def __init__(self, mode: str) -> None:
        self.mode = mode
        self.platform: ThreadedPlatform | None = None

    def describe(self, _: Any) -> dict[str, Any]:
        claims = [
            {"protocol": "avatarkit", "revisions": ["0.1.7"], "roles": ["client"], "features": []},
            {
                "protocol": "avatarkit",
                "name": "a server of our own",
                "revisions": ["0.1.7"],
                "roles": ["server"],
                "features": FEATURES,
            },
        ]
        return {
            "contract": 1,
            "name": "two in one",
            "version": "3",
            "language": "python",
            "implementations": claims,
        }

    def serve(self, params: Any) -> dict[str, Any]:
        if self.mode == "crash":
            os._exit(7)
        if self.mode == "hang":
            time.sleep(60)
        if self.mode == "refuse":
            raise OSError("no port is free")
        if self.mode == "vague":
            return {"urls": ["somewhere"]}
        options = params["options"]
        try:
            self.platform = ThreadedPlatform(
                lambda: mock(params["protocol"], params["revision"], pace=False, **options)
            )
            self.platform.start()
        except (ConfigurationError, TypeError) as error:
            raise Unable(str(error)) from error
        say({"event": "serving", "data": {"room": params["room"]}})
        return {"urls": self.platform.urls, "credentials": self.platform.credentials}

    def act(self, params: Any) -> dict[str, Any]:
        if self.mode == "mortal":
            os._exit(9)
        if self.mode == "stuck":
            time.sleep(60)
        assert self.platform is not None
        self.platform.act(params["action"], params["session"])
        return {}

    def advance(self, params: Any) -> dict[str, Any]:
        assert self.platform is not None
        self.platform.advance(params["seconds"])
        return {"fired": 0}

    def settle(self, _: Any) -> dict[str, Any]:
        raise Unable("it knows no rest")

    def reset(self, _: Any) -> dict[str, Any]:
        if self.platform is not None:
            self.platform.stop()
        return {"pending": []}


def say(line: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def main(mode: str) -> None:
    stand = Stand(mode)
    for line in sys.stdin:
        order = json.loads(line)
        try:
            result = getattr(stand, order["command"])(order["params"])
            answer = {"answer": "done", "result": result}
        except Unable as error:
            answer = {"answer": "unsupported", "reason": str(error)}
        except (RuntimeError, OSError, ConfigurationError) as error:
            record = {"kind": "local", "type": type(error).__name__, "message": str(error)}
            answer = {"answer": "error", "error": record}
        say({"id": order["id"], **answer})


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "")
