"""A run with one of everything, hostile content included."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from avatar_protocols.results import Counts, Implementation, ResultFile, ScenarioRun, Verdict
from conformance.trace import write_trace
from tests.conformance.helpers import record, trace

if TYPE_CHECKING:
    from pathlib import Path

HOSTILE = "<script>alert('x')</script> \x1b[31m {{ 7*7 }} \x00 ]]> & é"


def verdict(requirement: str, outcome: str, **members: Any) -> Verdict:
    told = {
        "implementation": "impl",
        "protocol": "avatarkit",
        "revision": "0.1.7",
        "role": "client",
        "scenario": "avatarkit/client/topic/name",
        "level": "MUST",
        "message": "",
        "trace": "",
        **members,
    }
    return Verdict(requirement=requirement, outcome=outcome, **told)


def implementation(name: str = "impl", role: str = "client", **members: Any) -> Implementation:
    told = {
        "version": "1",
        "language": "c",
        "protocol": "avatarkit",
        "revision": "0.1.7",
        "target": "cmd",
        "features": ["clock"],
        "missing": {"opus_encoder": HOSTILE},
        **members,
    }
    return Implementation(name=name, role=role, **told)


def results(**members: Any) -> ResultFile:
    verdicts = [
        verdict("AVK-HS-001", "pass", observed=["seen this"]),
        verdict(
            "AVK-HS-002",
            "fail",
            message=HOSTILE,
            trace="traces/t.jsonl",
            records=[3],
        ),
        verdict("AVK-HS-002", "pass", scenario="avatarkit/client/topic/other"),
        verdict(
            "AVK-HS-012", "fail", level="SHOULD", message="too slow", trace="traces/gone.jsonl"
        ),
        verdict("AVK-HS-004", "could-not-run", message="nothing seen"),
        verdict("AVK-HS-005", "harness-error", message="garbage"),
        verdict("AVK-HS-006", "not-applicable", message="no clock"),
        verdict("", "harness-error", scenario="avatarkit/client/x.yaml", message="bad file"),
    ]
    run = ScenarioRun(
        scenario="avatarkit/client/topic/name",
        title="A title",
        implementation="impl",
        protocol="avatarkit",
        revision="0.1.7",
        role="client",
        run=1,
        duration=0.25,
        problem="step 2 (await): waited",
        trace="traces/t.jsonl",
        log=HOSTILE,
    )
    told = {
        "suite": "1",
        "started": "2025-01-01T00:00:00Z",
        "duration": 1.5,
        "seed": 7,
        "shuffled": True,
        "jobs": 1,
        "repeat": 1,
        "strict": False,
        "command": (
            "understudy certify --client 'a b' --only x --shuffle 7 --jobs=2 --protocol avatarkit"
        ),
        "outcome": "failed",
        "counts": Counts(
            pass_=2, fail=1, warning=1, not_applicable=1, could_not_run=1, harness_error=2
        ),
        "implementations": [implementation()],
        "scenarios": [run],
        "verdicts": verdicts,
        **members,
    }
    return ResultFile(version=1, **told)


def write_traces(folder: Path) -> None:
    write_trace(
        folder / "traces" / "t.jsonl",
        trace(
            record(1, "step", source="scenario", sender="runner", name="open", data={"number": 1}),
            record(2, "command", source="adapter", sender="runner", name="open", data={}),
            record(3, "message", sender="client", connection=1, name=HOSTILE, data={"a": HOSTILE}),
            record(4, "close", sender="server", connection=1, code=1000, reason=HOSTILE),
        ),
    )
