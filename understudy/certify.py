"""``understudy certify``: from flags to targets, a run, and its reports."""

from __future__ import annotations

import os
import shlex
import signal
import sys
import tempfile
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

import conformance
from avatar_protocols.registry import PROTOCOLS
from conformance.adapter import AdapterTarget, parse_address
from conformance.baseline import load_baselines
from conformance.checks import checks_of
from conformance.drivers import driven
from conformance.errors import UsageError
from conformance.probe import probe_class
from conformance.process import LinkError
from conformance.reach import reach
from conformance.results import EXIT_STATUS, write_results
from conformance.run import Order, parse_shard, run
from conformance.scenario import Scenario, discover
from conformance.stage.base import Deadlines
from conformance.target import ServerTarget, Target, active, command_of, resolve, server_at
from mock_servers import platform_class

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable

    from avatar_protocols.tables import RevisionInfo
    from conformance.scenario import Role

__all__ = ["Request", "certify_request", "prepare_out", "targets_of"]

ROLES = ("client", "server")
REFERENCE = Path(conformance.__file__).parent / "adapters" / "reference.py"


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What the command line said; the flags of `understudy certify` explain each."""

    client: str | None = None
    attach: str | None = None
    server: str | None = None
    server_command: str | None = None
    vendors: bool = False
    protocol: str = ""
    revision: str = ""
    role: str = ""
    out: Path = Path("reports")
    only: tuple[str, ...] = ()
    jobs: int = 0
    shard: str = "1/1"
    repeat: int = 1
    shuffle: int | None = None
    seed: int = 0
    fail_fast: bool = False
    strict: bool = False
    deadline: float = 5.0
    as_json: bool = False
    verbose: bool = False
    urls: tuple[str, ...] = ()
    credentials: tuple[str, ...] = ()
    triggers: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    vendor_cache: Path = Path(".understudy/vendors")
    baseline: str = ""


def certify_request(request: Request) -> int:
    """Do what was asked; returns the exit status.

    Raises:
        UsageError: it cannot be done as asked.
        ModuleNotFoundError: a protocol's extra is not installed.
        OSError: the reports cannot be written.
    """
    from conformance.reports import write_reports
    from conformance.reports.terminal import terminal

    order = _order(request)
    targets = targets_of(request)
    for target in targets:
        # Now, to learn whether what they need is there.
        checks_of(target.protocol, target.role)
        if target.server is None or not target.server.urls:
            platform_class(target.protocol)
        if target.server is not None:
            reach(target.server.urls, within=request.deadline)
    prepare_out(request.out)
    screen = terminal(quiet=request.as_json, verbose=request.verbose)
    try:
        with _ending_softly():
            results = run(order, targets, screen)
    finally:
        screen.end()
    write_results(request.out / "results.json", results)
    write_reports(request.out, results)
    if request.as_json:
        sys.stdout.buffer.write(msgspec.json.encode(results) + b"\n")
    else:
        screen.summary(results, request.out)
    if request.server is not None and not any(run.trace for run in results.scenarios):
        needs = ", ".join(_server_features(request.protocol))
        raise UsageError(f"nothing was played: say by --feature what this server has, of {needs}")
    if screen.stopped:
        raise UsageError(f"stopped: {screen.stopped}; {request.out}/ has what they showed")
    return EXIT_STATUS[results.outcome]


def targets_of(request: Request) -> list[Target]:
    """What the flags ask to certify.

    Raises:
        UsageError: they contradict each other, or name something that does not exist.
    """
    if request.role not in {"", *ROLES}:
        raise UsageError(f"--role is client or server, not {request.role!r}")
    # An empty value (a variable that is not set, say) must not certify something else instead.
    given = [
        name
        for name in ("client", "attach", "server", "server_command", "vendors")
        if getattr(request, name) not in {None, False}
    ]
    if len(given) > 1:
        one, other = (name.replace("_", "-") for name in given[:2])
        raise UsageError(f"--{one} and --{other} exclude each other")
    if request.server is None:
        for flag, member in _SERVERS_OWN.items():
            if getattr(request, member):
                raise UsageError(f"{flag} goes with --server")
    return _TARGETS[given[0] if given else ""](request)


def _own(request: Request) -> list[Target]:
    """The reference clients and servers and the mock platforms, of one protocol or all."""
    adapter = AdapterTarget(command=(sys.executable, str(REFERENCE)))
    roles = [role for role in ROLES if request.role in {"", role}]
    targets: list[Target] = []
    for info in _revisions(request):
        if "client" in roles:
            targets.append(_target(info, "client", adapter=adapter, name="reference client"))
        if "server" in roles:
            targets.append(_target(info, "server", server=ServerTarget()))
            if info.protocol in driven("server"):
                targets.append(_target(info, "server", adapter=adapter, name="reference server"))
    return targets


def _client(request: Request) -> list[Target]:
    info = _one_revision(request, "--client", "client")
    return [_target(info, "client", adapter=command_of(request.client or ""))]


def _server_command(request: Request) -> list[Target]:
    info = _one_revision(request, _SERVER_COMMAND, "server")
    adapter = command_of(request.server_command or "", _SERVER_COMMAND)
    probe_class(info.protocol)  # now, to learn whether there is one
    return [_target(info, "server", adapter=adapter)]


def _attached(request: Request) -> list[Target]:
    role: Role = "server" if request.role == "server" else "client"
    info = _one_revision(request, "--attach", role)
    if request.jobs > 1:
        raise UsageError("--attach has one conversation with one adapter: leave --jobs out")
    try:
        return [_target(info, role, adapter=parse_address(request.attach or ""))]
    except LinkError as error:
        raise UsageError(str(error)) from None


def _server(request: Request) -> list[Target]:
    info = _one_revision(request, "--server", "server")
    known = PROTOCOLS[info.protocol].features
    for feature in request.features:
        if feature not in known:
            raise UsageError(f"--feature {feature}: {info.protocol} knows {', '.join(known)}")
    server = server_at(
        request.server or "",
        info.protocol,
        urls=_pairs("--url", request.urls),
        credentials=_pairs("--credential", request.credentials),
        triggers=_pairs("--trigger", request.triggers),
        features=request.features,
    )
    missing = [n for n in probe_class(info.protocol).credentials if n not in server.credentials]
    if missing:
        flags = " ".join(f"--credential {name}=…" for name in missing)
        raise UsageError(f"--server needs {flags}")
    return [_target(info, "server", server=server)]


def _vendors(request: Request) -> list[Target]:
    from conformance.vendors import prepare

    if request.protocol:
        resolve(request.protocol, request.revision or None)
    return prepare(
        request.vendor_cache,
        protocol=request.protocol,
        revision=request.revision,
        role=request.role,
        say=lambda line: print(line, file=sys.stderr),  # noqa: T201 - the command line's own output
    )


_SERVER_COMMAND = "--server-command"

_SERVERS_OWN = {
    "--url": "urls",
    "--credential": "credentials",
    "--trigger": "triggers",
    "--feature": "features",
}

_TARGETS: dict[str, Callable[[Request], list[Target]]] = {
    "": _own,
    "client": _client,
    "attach": _attached,
    "server": _server,
    "server_command": _server_command,
    "vendors": _vendors,
}


def _target(
    info: RevisionInfo,
    role: Role,
    *,
    adapter: AdapterTarget | None = None,
    server: ServerTarget | None = None,
    name: str = "",
) -> Target:
    return Target(
        protocol=info.protocol,
        revision=info.id,
        role=role,
        adapter=adapter,
        server=server,
        name=name,
    )


def _revisions(request: Request) -> list[RevisionInfo]:
    if request.revision and not request.protocol:
        raise UsageError("--revision needs --protocol")
    if not request.protocol:
        return active()
    chosen = resolve(request.protocol, request.revision or None)
    return [chosen] if request.revision else [i for i in active() if i.protocol == chosen.protocol]


def _one_revision(request: Request, flag: str, role: str) -> RevisionInfo:
    if not request.protocol:
        known = ", ".join(dict.fromkeys(info.protocol for info in active()))
        raise UsageError(f"{flag} needs --protocol: {known}")
    if request.role not in {"", role}:
        raise UsageError(f"{flag} certifies a {role}, not a {request.role}")
    return resolve(request.protocol, request.revision or None)


def _server_features(protocol: str) -> list[str]:
    """What scenarios want of a server, besides what comes with a way to trigger it."""
    found = discover((protocol,), ("server",))
    needs = {need for each in found if isinstance(each, Scenario) for need in each.needs}
    return sorted(needs - {"clock", "triggers"})


def _pairs(flag: str, items: Iterable[str]) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for item in items:
        name, equals, value = item.partition("=")
        if not (name and equals):
            raise UsageError(f"{flag} takes NAME=VALUE, not {item!r}")
        pairs[name] = value
    return pairs


def _order(request: Request) -> Order:
    seed = request.seed if request.shuffle is None else request.shuffle
    return Order(
        only=request.only,
        jobs=request.jobs or _default_jobs(request),
        repeat=request.repeat,
        shuffle=request.shuffle is not None,
        seed=seed,
        shard=parse_shard(request.shard),
        fail_fast=request.fail_fast,
        strict=request.strict,
        deadlines=Deadlines(step=request.deadline, scenario=max(30.0, 6 * request.deadline)),
        out=request.out,
        command=shlex.join(["understudy", *sys.argv[1:]]),
        baselines=load_baselines(request.baseline) if request.baseline else (),
    )


def _default_jobs(request: Request) -> int:
    # An attached adapter is one conversation; a server's clock and triggers are everybody's.
    return 1 if request.attach or request.server else max(2, os.cpu_count() or 1)


def prepare_out(out: Path) -> None:
    """Make sure that reports can be written, and remove the traces of an earlier run.

    Nothing else in the folder is touched.

    Raises:
        UsageError: they cannot; better said before an hour's run than after it.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out):
            pass
    except OSError as error:
        why = error.strerror or error
        raise UsageError(f"--out {out}: reports cannot be written there: {why}") from None
    for path in (out / "traces").rglob("*.jsonl"):
        path.unlink()


@contextmanager
def _ending_softly() -> Generator[None]:
    """Let SIGTERM, by which CI cancels a job, end the run as Ctrl-C does."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread hears signals
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
