from __future__ import annotations

import sys
from pathlib import Path

import pytest

from conformance.vendors import vendors
from examples import run
from examples.run import Example, Outcome
from mock_servers import platforms


def script(tmp_path: Path, text: str) -> list[str]:
    path = tmp_path / "script.py"
    path.write_text(text, encoding="utf-8")
    return [sys.executable, str(path)]


def test_every_platform_has_examples_of_both_kinds():
    found = run.examples()
    assert {each.protocol for each in found if not each.vendor} - {""} == set(platforms())
    assert {each.protocol for each in found if each.vendor} == set(platforms())


def test_every_file_is_an_example_or_imported_by_one():
    found = run.examples()
    scripts = {each.path for each in found}
    helpers = {"pyaudio.py", "room.py"}
    files = {*run.REFERENCE.glob("*.py"), *run.VENDORS.glob("*.py")}
    assert {path.name for path in files - scripts} == helpers


def test_every_script_is_in_the_readme():
    text = (run.HERE / "README.md").read_text(encoding="utf-8")
    assert [each.name for each in run.examples() if f"]({each.name})" not in text] == []


def test_some_can_be_chosen():
    assert [each.name for each in run.examples("akool*")] == [
        "reference/akool.py",
        "vendors/akool_sdk.py",
    ]
    assert all(each.vendor for each in run.examples("vendors/*"))
    assert not any(each.vendor for each in run.examples(with_vendors=False))


def test_vendors_get_the_port_file():
    example = Example(run.VENDORS / "akool_sdk.py", "akool", vendor=True)
    assert run.command(example, python="py", port_file="f")[0::2] == ["py", "f"]
    assert run.command(example._replace(vendor=False), python="py")[1:] == [str(example.path)]


def test_rows_of_one_protocol_share_an_environment():
    for row in vendors():
        others = [each for each in vendors() if each.protocol == row.protocol]
        assert {each.requires for each in others} == {row.requires}


def test_what_fails_says_so(tmp_path):
    outcome = run.run(script(tmp_path, "print('before'); raise SystemExit(3)"), limit=30)
    assert (outcome.ok, outcome.output) == (False, "before\n")


def test_what_hangs_is_killed(tmp_path):
    text = "import time; print('before', flush=True); time.sleep(60)"
    outcome = run.run(script(tmp_path, text), limit=0.5)
    assert not outcome.ok
    assert outcome.output == "before\n\nkilled after 0.5 s\n"


def test_files_that_a_script_writes_are_dropped(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run.run(script(tmp_path, "open('litter', 'w').close()"), limit=30).ok
    assert not (tmp_path / "litter").exists()


def test_it_ends_with_1_if_one_failed(monkeypatch, capsys):
    outcomes = iter([Outcome(ok=True, seconds=0.1, output="quiet"), Outcome(False, 0.2, "loud")])
    monkeypatch.setattr(run, "run", lambda *_, **__: next(outcomes))
    assert run.main(["--only", "a[kv]*", "--no-vendors"]) == 1
    told = capsys.readouterr().out
    assert "quiet" not in told
    assert told.splitlines()[1].startswith("FAIL reference/avatarkit.py")
    assert told.endswith("loud\n1 of 2 examples\n")


def test_nothing_chosen_is_a_mistake(capsys):
    with pytest.raises(SystemExit):
        run.main(["--only", "nonsense"])
    assert "no example is like nonsense" in capsys.readouterr().err


def test_platforms_run_for_as_long_as_the_block_does():
    with run.platforms(30) as port_file:
        assert set(platforms()) <= set(Path(port_file).read_text(encoding="utf-8").split('"'))
    assert not Path(port_file).exists()


def test_a_reference_example_runs(capsys):
    assert run.main(["--only", "reference/avatarkit.py"]) == 0
    assert capsys.readouterr().out.endswith("1 of 1 examples\n")
