"""Every job of the project, each in an environment of its own.

    nox -s conformance                 certify the reference clients and the mock servers
    nox -s conformance -- --vendors    certify the vendors' SDKs, unmodified
    nox -s tests                       the test suite
    nox -l                             the rest

An environment is filled once and kept; it is filled again when pyproject.toml changes.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

import nox

nox.needs_version = ">=2025.2.9"
nox.options.reuse_venv = "yes"
nox.options.error_on_external_run = True
nox.options.sessions = ["conformance", "tests"]

ROOT = Path(__file__).parent
PYPROJECT = nox.project.load_toml("pyproject.toml")
PYTHONS = ["3.11", "3.12", "3.13"]
CERTIFIED, FAILED = 0, 1


def _fill(session: nox.Session, *groups: str, project: str | None = ".[all]") -> None:
    """Install dependency groups and the project, unless this environment has them already."""
    packages = nox.project.dependency_groups(PYPROJECT, *groups)
    if project is not None:
        packages += ("-e", project)
    recipe = "\n".join([sys.version, *packages, Path("pyproject.toml").read_text(encoding="utf-8")])
    stamp = Path(session.virtualenv.location, "understudy-filled")
    digest = hashlib.sha256(recipe.encode()).hexdigest()
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == digest:
        return
    if packages:
        session.install(*packages)
    stamp.write_text(digest, encoding="utf-8")


@nox.session
def conformance(session: nox.Session) -> None:
    """Certify implementations; arguments after -- are those of `understudy certify`.

    Exit status: 0 certified, 1 a requirement failed, 2 could not run.
    """
    _fill(session)
    python = Path(session.bin, "python")
    command = [str(python), "-m", "understudy", "certify", *session.posargs]
    status = subprocess.run(command, check=False, cwd=ROOT).returncode
    if status not in {CERTIFIED, FAILED}:
        sys.exit(status)  # nox itself knows only 0 and 1
    if status == FAILED:
        session.error("a requirement failed: see the report above")


@nox.session
def tests(session: nox.Session) -> None:
    """Run the test suite, in parallel and in random order."""
    _fill(session, "test", "codegen")
    session.run("pytest", "-n", "2", *session.posargs)


@nox.session
def coverage(session: nox.Session) -> None:
    """Prove that the tests of protocol_core reach every branch of it."""
    _fill(session, "test", "codegen")
    session.run("pytest", "-n", "2", "--cov", "--cov-report=term", "tests/protocol_core")


@nox.session(python=PYTHONS)
def compatibility(session: nox.Session) -> None:
    """Run the test suite on every supported Python that is installed."""
    _fill(session, "test", "codegen")
    session.run("pytest", "-n", "2", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, import rules and the protobuf module's form."""
    _fill(session, "lint", "codegen")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("lint-imports")
    session.run("buf", "lint", "proto")
    session.run("buf", "format", "--diff", "--exit-code", "proto")


@nox.session
def types(session: nox.Session) -> None:
    """Check types, with two checkers."""
    _fill(session, "types", "codegen", "spec", "test")
    session.run("mypy")
    session.run("pyright")


@nox.session
def generate(session: nox.Session) -> None:
    """Generate the bindings from spec/, proto/ and schemas/; `-- --check` says what differs."""
    _fill(session, "codegen", project=None)
    session.run("python", "-m", "codegen", *session.posargs)


@nox.session
def spec(session: nox.Session) -> None:
    """Validate the OpenAPI and AsyncAPI documents with their official validators."""
    _fill(session, "spec", "codegen", project=None)
    session.run("python", "-m", "codegen.documents", *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """Measure the codecs against the vendors' own, in one run; `-- --check` holds the targets."""
    _fill(session, "bench")
    session.run("python", "benchmarks/run.py", *session.posargs)


@nox.session
def examples(session: nox.Session) -> None:
    """Run every example: the reference clients', and the vendors' SDKs' in their environments."""
    _fill(session, "test")
    session.run("python", "examples/run.py", *session.posargs)


@nox.session
def drift(session: nox.Session) -> None:
    """Write docs/reference/drift.md from a run of the vendors' SDKs; `-- --check` compares it."""
    _fill(session)
    session.run("understudy", "drift", *session.posargs)


@nox.session
def wheel(session: nox.Session) -> None:
    """Build the wheel; install it alone, and beside each vendor's SDK."""
    _fill(session, "wheel")
    dist = Path(session.create_tmp(), "dist")
    shutil.rmtree(dist, ignore_errors=True)
    session.run("python", "-m", "build", "--outdir", str(dist), str(ROOT), silent=True)
    (built,) = dist.glob("*.whl")
    session.run("python", "tests/wheel_beside.py", str(built), *session.posargs)
