"""The modules that come from tables, imported and looked into."""

from __future__ import annotations

import pytest

from codegen.model import Constant
from codegen.naming import revision_module
from codegen.tables import add_registry, add_revision_tables, describe
from codegen.tree import Tree
from codegen.validate import MetaSchemas, load_specification


@pytest.fixture
def spec(layout):
    return load_specification("demo", layout, MetaSchemas(layout))


@pytest.fixture
def modules(spec):
    """Namespaces of the generated modules by revision and name."""

    def load(revision: str, name: str) -> dict:
        tree = Tree()
        add_revision_tables(spec, revision, tree)
        home = f"avatar_protocols/demo/{revision_module(revision)}"
        text = next(text for path, text in tree.files.items() if str(path) == f"{home}/{name}.py")
        namespace: dict = {"__name__": f"demo_{name}"}
        exec(compile(text, name, "exec"), namespace)
        return namespace

    return load


def test_constants_keep_their_types(modules) -> None:
    constants = modules("2.0", "constants")
    assert constants["PROTOCOL"] == "demo"
    assert constants["REVISION"] == "2.0"
    assert constants["Timeout"].UPGRADE == 10.0
    assert type(constants["Timeout"].UPGRADE) is float
    assert constants["Rate"].ALL == (8000, 16000)
    start = constants["Endpoint"].START
    assert (start.name, start.method, start.base, start.path) == (
        "start",
        "POST",
        "console",
        "/start",
    )
    assert (start, constants["Endpoint"].SOCKET) == constants["Endpoint"].ALL


def test_a_row_of_another_revision_is_left_out(modules) -> None:
    assert not hasattr(modules("1.0", "constants")["Timeout"], "IDLE")
    assert modules("2.0", "constants")["Timeout"].IDLE == 60
    assert "gone" not in modules("1.0", "errors")["CATALOGUE"]
    assert list(modules("1.0", "requirements")["REQUIREMENTS"]) == ["DEM-CONN-001"]


def test_errors(modules) -> None:
    errors = modules("2.0", "errors")
    code = errors["ErrorCode"]
    assert code.TOKEN_EXPIRED == "tokenExpired"
    assert errors["CODES"][code.NO_CAPACITY].number == 40001
    assert errors["CODES"][code.NO_CAPACITY].retry
    assert list(errors["Phase"]) == ["token", "runtime"]
    catalogue = errors["CATALOGUE"]
    assert catalogue["token_expired"].http.text == "token is expired"
    assert catalogue["busy"].http.json == {"code": 40001, "tags": ["a"]}
    assert catalogue["gone"].close.code == 1011
    assert catalogue["gone"].message == {"code": 7}
    assert catalogue["gone"].code is None
    first, second, third, fourth = errors["CLASSIFICATION"]
    assert first.codes == ("7",)
    assert (second.any, second.text, second.http, second.phases) == (
        True,
        ("expired",),
        (401,),
        ("token",),
    )
    assert third.http_range == (400, 499)
    assert fourth.http == (503,)
    assert fourth not in modules("1.0", "errors")["CLASSIFICATION"]


def test_states(modules) -> None:
    states = modules("1.0", "states")
    machine = states["CONNECTION"]
    assert machine.initial == "NEW"
    assert machine.states == ("NEW", "OPEN", "CLOSED")
    assert machine.events == {"open": "client", "input.text": "server", "close": "both"}
    assert machine.messages == {"input.text": "input.text"}
    assert machine.transitions["NEW", "open"] == "OPEN"
    assert machine.transitions[states["State"].OPEN, states["Trigger"].INPUT_TEXT] == "OPEN"
    assert machine.ignored == frozenset({("CLOSED", "input.text")})


def test_a_machine_may_take_the_name_of_another_revisions(modules) -> None:
    assert modules("2.0", "states")["CONNECTION"].states == ("IDLE", "AWAKE")


def test_requirements(modules) -> None:
    module = modules("2.0", "requirements")
    polite = module["REQUIREMENTS"]["DEM-CONN-002"]
    assert (polite.level, polite.proposed, polite.why) == ("SHOULD", "MUST", "Nobody is hurt.")
    assert polite.open_points == ("OP-1",)
    assert polite.checks == ("DEM-CONN-002.manners",)
    assert polite.observable_by("client") == "api"
    assert polite.observable_by("server") == "no: inside"
    assert polite.binds("client")
    assert not module["REQUIREMENTS"]["DEM-CONN-001"].binds("server")
    assert module["OPEN_POINTS"]["OP-1"].decision == "Be polite."


ERRATA = """
errata:
  - {subject: greeting, documented: silent, shipped: hello, follow: package, see: [OP-1]}
  - {subject: parting, documented: bye, shipped: none, follow: README, revisions: ["1.0"]}
"""


def test_errata(layout, put) -> None:
    put("spec/demo/errata.yaml", ERRATA)
    tree = Tree()
    add_revision_tables(load_specification("demo", layout, MetaSchemas(layout)), "2.0", tree)
    (text,) = (t for path, t in tree.files.items() if path.name == "requirements.py")
    namespace: dict = {"__name__": "demo"}
    exec(compile(text, "requirements", "exec"), namespace)
    (row,) = namespace["ERRATA"]
    assert (row.subject, row.documented, row.shipped) == ("greeting", "silent", "hello")
    assert (row.follow, row.see) == ("package", ("OP-1",))


def test_a_protocol_may_have_no_errata(modules) -> None:
    assert modules("2.0", "requirements")["ERRATA"] == ()


def test_the_registry_knows_every_revision(spec) -> None:
    tree = Tree()
    add_registry([spec], tree)
    text = next(text for path, text in tree.files.items() if path.name == "registry.py")
    namespace: dict = {"__name__": "demo_registry"}
    exec(compile(text, "registry", "exec"), namespace)
    resolve = namespace["resolve"]
    assert resolve("demo").id == "1.0"
    assert resolve("demo", "1.0.3").id == "1.0"
    assert resolve("demo", "2.0").module == "avatar_protocols.demo.v2_0"
    assert resolve("demo", "3.0").status == "planned"
    assert resolve("demo", "3.0").module == ""
    with pytest.raises(
        LookupError, match=r"unknown revision '9' of demo; known: 1\.0 = 1\.0\.3, 2\.0"
    ):
        resolve("demo", "9")
    with pytest.raises(LookupError, match="unknown protocol 'other'; known: demo"):
        resolve("other")


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (
            {"unit": "s", "note": "From the open socket.", "requirement": "DEM-CONN-001"},
            "In s. From the open socket. [DEM-CONN-001]",
        ),
        ({"unit": "Hz"}, "In Hz."),
        ({}, ""),
    ],
)
def test_the_documentation_of_a_constant(row, expected) -> None:
    assert describe(Constant(value=1, source="doc", **row)) == expected
