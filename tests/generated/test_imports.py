"""What is loaded when: tables are light; protobuf and the validator come when they are used."""

from __future__ import annotations

import subprocess
import sys

import pytest

from codegen.layout import REPOSITORY

HEAVY = {"google.protobuf", "jsonschema_rs", "yaml", "jinja2", "asyncio", "aiohttp", "websockets"}


def loaded_by(code: str) -> set[str]:
    """Modules that a fresh interpreter has after running the code, beyond a bare start."""
    script = f"import sys; before = set(sys.modules); {code}; print(*(set(sys.modules) - before))"
    done = subprocess.run(
        [
            sys.executable,
            "-S",
            "-c",
            f"sys_path = {sys.path!r}; import sys; sys.path[:] = sys_path; {script}",
        ],
        check=True,
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
    )
    return set(done.stdout.split())


def test_the_package_itself_loads_nothing() -> None:
    loaded = loaded_by("import avatar_protocols")
    assert {name for name in loaded if name.startswith("avatar_protocols")} == {"avatar_protocols"}


def test_the_registry_loads_no_protocol() -> None:
    loaded = loaded_by("from avatar_protocols.registry import resolve; resolve('avatarkit')")
    ours = {name for name in loaded if name.startswith("avatar_protocols.")}
    assert ours == {"avatar_protocols.registry", "avatar_protocols.tables"}
    assert not HEAVY & loaded


@pytest.mark.parametrize(
    "module",
    [
        "adapter.v1",
        "avatarkit.v0_1_7.constants",
        "avatarkit.v0_1_7.errors",
        "avatarkit.v0_1_7.rest",
        "avatarkit.v0_1_7.states",
        "liveavatar.v0_2.constants",
        "liveavatar.v0_2.errors",
        "liveavatar.v0_2.frames",
        "liveavatar.v0_2.messages",
        "liveavatar.v0_2.rest",
        "liveavatar.v0_2.states",
        "results",
        "schemas",
        "trace",
    ],
)
def test_no_module_but_those_of_protobuf_is_heavy(module: str) -> None:
    assert not HEAVY & loaded_by(f"import avatar_protocols.{module}")


def test_only_the_protobuf_package_needs_protobuf() -> None:
    loaded = loaded_by("import avatar_protocols.avatarkit.v2.message_pb2")
    assert "google.protobuf" in loaded
    assert "google.protobuf" not in loaded_by("import avatar_protocols.avatarkit")
