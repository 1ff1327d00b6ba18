"""What the tests of the suite are made of."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import msgspec

from avatar_protocols.trace import Record
from conformance.adapter import AdapterTarget
from conformance.scenario import Scenario, Step
from conformance.trace import Trace, TraceHeader

FAKES = Path(__file__).with_name("fakes.py")
REFERENCE = Path(__file__).parents[2] / "conformance" / "adapters" / "reference.py"


def fake(mode: str = "nothing") -> AdapterTarget:
    """An adapter of `fakes.py`."""
    return AdapterTarget(command=(sys.executable, "-S", "-E", str(FAKES), mode))


def serving(mode: str = "") -> AdapterTarget:
    """An adapter of a server: `serving.py`."""
    return AdapterTarget(command=(sys.executable, str(FAKES.with_name("serving.py")), mode))


def reference() -> AdapterTarget:
    """The adapter of the reference implementations."""
    return AdapterTarget(command=(sys.executable, str(REFERENCE)))


def opening(platform: Any, **options: Any) -> dict[str, Any]:
    """The parameters of an `open` that leads to a mock platform."""
    return {
        "protocol": platform.protocol,
        "revision": platform.revision,
        "urls": platform.urls,
        "credentials": platform.credentials,
        "options": options,
    }


def record(seq: int, kind: str, **members: Any) -> Record:
    source = members.pop("source", "wire")
    return Record(seq=seq, time=seq / 100, source=source, kind=kind, **members)


def trace(*records: Record, **header: Any) -> Trace:
    told = {"protocol": "avatarkit", "revision": "0.1.7", "role": "client", **header}
    return Trace(TraceHeader(**told), list(records))


def scenario(*steps: dict[str, Any], **members: Any) -> Scenario:
    numbered = tuple(
        Step(number=number, kind=kind, args=args)
        for number, step in enumerate(steps, 1)
        for kind, args in step.items()
    )
    made = Scenario(
        id="avatarkit/client/topic/name",
        protocol="avatarkit",
        role="client",
        topic="topic",
        title="A title",
        steps=numbered,
        verifies=("AVK-HS-001",),
    )
    return msgspec.structs.replace(made, **members)


def install(site: Path, name: str, sources: dict[str, str], metadata: str = "") -> Path:
    """Install a package, version 1.0, into a folder of them; its metadata's folder."""
    made = site / f"{name.replace('-', '_').lower()}-1.0.dist-info"
    made.mkdir(parents=True, exist_ok=True)
    for place, text in sources.items():
        path = site / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    head = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n{metadata}\n"
    (made / "METADATA").write_text(head, encoding="utf-8")
    files = [*sources, f"{made.name}/METADATA", f"{made.name}/RECORD"]
    (made / "RECORD").write_text("".join(f"{file},,\n" for file in files), encoding="utf-8")
    return made
