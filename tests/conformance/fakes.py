"""Adapters that misbehave in one way each: run as ``python fakes.py MODE``, standard library only.

A mode may be delayed until the second scenario: ``once:MODE`` misbehaves in the first process only,
told apart by a file that it leaves behind.
"""

import json
import os
import pathlib
import sys
import time

CLAIM = {
    "protocol": "avatarkit",
    "revisions": ["0.1.7"],
    "roles": ["client"],
    "features": ["clock"],
}


def say(line):
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def raw(data):
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def done(number, **result):
    say({"id": number, "answer": "done", "result": result})


def describe(number):
    done(
        number,
        contract=1,
        name="fake",
        version="1",
        language="python",
        implementations=[{**CLAIM, "missing": {"opus_encoder": "never heard of it"}}],
    )


def hang(_number):
    time.sleep(60)


def grandchild(_number):
    if os.fork() == 0:
        time.sleep(60)
    os._exit(3)


ON_OPEN = {
    "nothing": done,
    "crash": lambda _: os._exit(7),
    "segfault": lambda _: os.kill(os.getpid(), 11),
    "hang": hang,
    "grandchild": grandchild,
    "garbage": lambda _: raw(b"Traceback (most recent call last):\n"),
    "utf8": lambda _: raw(b'{"event": "\xff"}\n'),
    "huge": lambda _: raw(b"x" * (17 << 20)),
    "stranger": lambda _: say({"id": 999, "answer": "done", "result": {}}),
    "twice": lambda number: (done(number), done(number)),
    "kind": lambda number: say({"id": number, "answer": "perhaps"}),
    "flood": lambda _: [say({"event": "state", "data": {}}) for _ in range(110_000)],
    "error": lambda number: say(
        {"id": number, "answer": "error", "error": {"kind": "local", "code": None, "message": "no"}}
    ),
    "unsupported": lambda number: say({"id": number, "answer": "unsupported", "reason": "cannot"}),
    "event": lambda number: (say({"event": "opened", "data": {"n": 1}}), done(number)),
    "stderr": lambda number: (sys.stderr.write("something to say\n"), done(number)),
    "loud": lambda _: (sys.stderr.write("x" * 200_000 + "END"), sys.stderr.flush(), os._exit(1)),
}


def liar(number):
    done(number, contract=1, name="")


def leave(_number):
    sys.exit(0)


def explode(_number):
    sys.exit("no module named that")


def refuse(number):
    say({"id": number, "answer": "unsupported", "reason": "no"})


ON_DESCRIBE = {"mute": hang, "liar": liar, "refuses": refuse, "leaves": leave, "explodes": explode}


def once(mode):
    """The mode for this process: a file tells whether an earlier one has misbehaved already."""
    _, wanted, flag = mode.split(":", 2)
    path = pathlib.Path(flag)
    if path.exists():
        return "nothing"
    path.touch()
    return wanted


def main(mode):
    if mode.startswith("once:"):
        mode = once(mode)
    for line in sys.stdin:
        order = json.loads(line)
        number, command = order["id"], order["command"]
        if command == "describe":
            ON_DESCRIBE.get(mode, describe)(number)
        elif command == "open":
            ON_OPEN[mode](number)
        elif command == "reset":
            done(number, pending=["a task"])
        else:
            done(number)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "nothing")
