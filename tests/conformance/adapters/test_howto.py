"""The adapter in docs/how-to/write-an-adapter.md is code that runs."""

from __future__ import annotations

import json
import shutil
import subprocess

import pytest

from conformance import contract

AGENT = """
export class Agent {
  constructor(settings) { this.settings = settings }
  async start() {
    if (!this.settings.api_key) throw new Error("no key")
    console.log("the agent prints")
    this.onText("r", "hello")
    return { sessionId: "s", sfuUrl: "x", userToken: "u" }
  }
  async stop() { this.onClosed(1000, "") }
  send(event) { this.onText(event.requestId, JSON.stringify(event)) }
}
"""
COMMANDS = [
    ("describe", {}),
    ("open", {"credentials": {"api_key": "k"}, "options": {"api_key": None}}),
    ("open", {"credentials": {"api_key": "k"}}),
    ("send_audio", {"audio": ""}),
    ("close", {}),
]


def test_the_page_of_code(adapters, tmp_path):
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed: the JavaScript of the how-to was not run")
    page = (adapters.parents[1] / "docs/how-to/write-an-adapter.md").read_text(encoding="utf-8")
    (tmp_path / "my-adapter.mjs").write_text(page.split("```javascript\n")[1].split("```")[0])
    (tmp_path / "agent.mjs").write_text(AGENT)
    lines = [
        json.dumps({"id": number, "command": command, "params": params})
        for number, (command, params) in enumerate(COMMANDS, 1)
    ]
    run = subprocess.run(
        [node, "my-adapter.mjs"],
        cwd=tmp_path,
        input="\n".join(lines).encode(),
        capture_output=True,
        timeout=30,
        check=True,
    )
    said = [contract.parse_line(line) for line in run.stdout.splitlines()]
    answers = {one.id: one for one in said if isinstance(one, contract.Answer)}
    assert [answers[number].answer for number in sorted(answers)] == [
        "done",
        "error",
        "done",
        "unsupported",
        "done",
    ]
    contract.parse_description(answers[1].result)
    assert answers[2].error["kind"] == "local"
    assert b"the agent prints" in run.stderr
