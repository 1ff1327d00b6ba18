from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from avatar_protocols.results import Counts
from conformance.drift import complete, drift
from conformance.errors import UsageError
from conformance.trace import write_trace
from conformance.vendors import Vendor
from tests.conformance.helpers import record, trace
from tests.conformance.reports.sample import implementation, results, verdict

if TYPE_CHECKING:
    from pathlib import Path

    from avatar_protocols.results import ResultFile

UUID = "7e6b2c1e-9a55-4d0c-9d5e-0f6f5a1b2c3d"


def vendor(name: str, protocol: str, revision: str, **members: Any) -> Vendor:
    told = {"requires": (f"{name}==1",), "adapter": f"{protocol}.py", **members}
    return Vendor(name=name, protocol=protocol, revision=revision, **told)


ROWS = [
    vendor("kit", "avatarkit", "0.1.7"),
    vendor(
        *("aki", "aiavatar", "0.7"),
        requires=("aki==1", "fastapi==2"),
        no_deps=True,
        python=">=3.12",
    ),
    vendor("aki-server", "aiavatar", "0.7", role="server", requires=("aki==1", "requests==2")),
]


def found(**members: Any) -> ResultFile:
    who = [
        implementation("kit", missing={}, packaging=["It calls itself 2.", "It is older."]),
        implementation("aki", protocol="aiavatar", revision="0.7", missing={}),
        implementation("aki-server", "server", protocol="aiavatar", revision="0.7", missing={}),
    ]
    aki = {"protocol": "aiavatar", "revision": "0.7", "level": "SHOULD"}
    verdicts = [
        verdict("AVK-HS-001", "pass", implementation="kit"),
        verdict("AIA-AUTH-007", "pass", implementation="aki", scenario="a", **aki),
        verdict(
            *("AIA-AUTH-007", "fail"),
            implementation="aki-server",
            role="server",
            scenario="b",
            trace="t.jsonl",
            records=[2],
            message="HTTP 400 | from 127.0.0.1:4711",
            **aki,
        ),
        verdict(
            *("AIA-AUTH-007", "fail"),
            implementation="aki-server",
            role="server",
            scenario="c",
            known="It looks elsewhere first.",
            **aki,
        ),
        verdict(
            "AIA-SSE-006",
            "fail",
            implementation="aki-server",
            role="server",
            **{**aki, "level": "MUST"},
        ),
    ]
    counts = Counts(pass_=2, fail=3, warning=0, not_applicable=0, could_not_run=0, harness_error=0)
    told: dict[str, Any] = {
        "implementations": who,
        "verdicts": verdicts,
        "scenarios": [],
        "counts": counts,
        "command": "understudy certify --vendors",
    }
    return results(**{**told, **members})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    answer = record(2, "http_response", sender="server", status=400, name="chat", data={"id": UUID})
    write_trace(tmp_path / "t.jsonl", trace(record(1, "http_request"), answer))
    return tmp_path


def test_the_page(folder: Path) -> None:
    page = drift(found(), folder, ROWS)
    assert page == drift(found(), folder, ROWS)
    lines = page.splitlines()
    assert (
        "| [aki-server 1 (server)](#aki-server-1-server) | aiavatar 0.7 | 2 | 0 | 1 | 1 |" in lines
    )
    assert lines.count("## AIAvatarKit, revision 0.7") == 1
    order = "| order of checks | the key protects the API | session_id first, so 400 to strangers |"
    assert f"{order} the key first | AIA-AUTH-007 ✗ |" in lines
    assert "Nothing is wrong in 1 rules." in lines
    wrong = lines[lines.index("### aki-server 1 (server)") :]
    (must, should) = (line for line in wrong if line.startswith("| AIA-"))
    assert must.startswith("| AIA-SSE-006 | MUST | Report a failure")
    assert must.endswith("| `avatarkit/client/topic/name` | nothing came |")
    assert "| HTTP 400 \\| from ‹address›. It looks elsewhere first. | `b` and 1 more |" in should
    assert should.endswith('| `server: HTTP 400 chat {"id":"‹id›"}` |')


def test_how_an_sdk_is_installed(folder: Path) -> None:
    lines = drift(found(), folder, ROWS).splitlines()
    assert "Installed as `kit==1`. It calls itself 2. It is older." in lines
    without = "Installed as `aki==1`, without the dependencies that it declares."
    assert f"{without} What it needs instead: `fastapi==2`. It wants Python >=3.12." in lines
    besides = "Installed as `aki==1`. It needs `requests==2`, which it does not declare."
    assert besides in lines


def test_rules_on_which_sources_disagree_are_told_once(folder: Path) -> None:
    page = drift(found(), folder, ROWS)
    further = page[page.index("### Further rules") :]
    table = further[: further.index("\n###", 1)]
    told = [line.split()[1] for line in table.splitlines() if line.startswith("| A")]
    assert told
    assert len(told) == len(set(told))
    above = page[page.index("## AIAvatarKit") : page.index("### Further rules")]
    assert not [name for name in told if name in above]


@pytest.mark.parametrize(
    ("members", "problem"),
    [
        ({"implementations": [implementation("kit")]}, "nothing of aki, aki-server"),
        ({"shard": "1/2"}, "part of one"),
        ({"command": "understudy certify --vendors --only 'AVK-*'"}, "part of one"),
        (
            {
                "counts": Counts(
                    pass_=1, fail=0, warning=0, not_applicable=0, could_not_run=1, harness_error=2
                )
            },
            "3 verdicts of the run could not be had",
        ),
    ],
)
def test_a_run_that_does_not_tell_everything(members: dict[str, Any], problem: str) -> None:
    with pytest.raises(UsageError, match=problem):
        complete(found(**members), ROWS)


def test_a_trace_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="a trace of the run is missing"):
        drift(found(), tmp_path, ROWS)
