"""The command line. Heavy modules load inside the commands, so that ``--help`` stays fast."""

from __future__ import annotations

import secrets
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from protocol_core.errors import UnderstudyError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["app", "run"]

USAGE_ERROR = 2
SHUFFLE = "--shuffle"
_INTERRUPTED = 130
"""What typer makes of Ctrl-C."""

app = typer.Typer(
    name="understudy",
    help="Mock platforms and a conformance suite for streaming-avatar protocols.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Out = Annotated[Path, typer.Option(help="Folder of the reports.", metavar="DIR")]


def _version(wanted: bool) -> None:  # noqa: FBT001 - the form of a callback
    if wanted:
        from conformance.subject import suite_version

        typer.echo(f"understudy {suite_version()}")
        raise typer.Exit


@app.callback()
def understudy(
    *,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Mock platforms and a conformance suite for streaming-avatar protocols."""


@app.command()
def certify(  # noqa: PLR0917 - typer passes them by name
    client: Annotated[
        str | None, typer.Option(help="Command that starts a client's adapter.", metavar="CMD")
    ] = None,
    attach: Annotated[
        str | None,
        typer.Option(help="An adapter that already listens; see --role.", metavar="HOST:PORT"),
    ] = None,
    server: Annotated[
        str | None,
        typer.Option(help="A server: its URL, or a port file of ours.", metavar="URL|FILE"),
    ] = None,
    server_command: Annotated[
        str | None, typer.Option(help="Command that starts a server's adapter.", metavar="CMD")
    ] = None,
    vendors: Annotated[  # noqa: FBT002 - a flag of the command line
        bool, typer.Option("--vendors", help="The vendors' own SDKs, each in its environment.")
    ] = False,
    protocol: Annotated[
        str, typer.Option(help="Protocol id. Needed with --client, --attach, --server….")
    ] = "",
    revision: Annotated[
        str, typer.Option(help="Revision; default: the protocol's, and of our own every one.")
    ] = "",
    role: Annotated[str, typer.Option(help="Only this role: client or server.")] = "",
    out: Out = Path("reports"),
    only: Annotated[
        list[str] | None,
        typer.Option(help="Scenario glob or requirement id; repeatable.", metavar="GLOB"),
    ] = None,
    jobs: Annotated[int, typer.Option(help="Lanes; 0 chooses.", min=0, metavar="N")] = 0,
    shard: Annotated[str, typer.Option(help="Only the i-th of n parts.", metavar="i/n")] = "1/1",
    repeat: Annotated[
        int, typer.Option(help="Play each scenario N times.", min=1, metavar="N")
    ] = 1,
    shuffle: Annotated[
        int | None,
        typer.Option(
            SHUFFLE, help="Shuffle the order, by this seed or one drawn.", metavar="[SEED]"
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of ids, faults and content.")] = 0,
    fail_fast: Annotated[  # noqa: FBT002 - a flag of the command line
        bool, typer.Option("--fail-fast", help="Stop at the first failure.")
    ] = False,
    strict: Annotated[  # noqa: FBT002 - a flag of the command line
        bool, typer.Option("--strict", help="Let a failed SHOULD fail the run.")
    ] = False,
    deadline: Annotated[
        float, typer.Option(help="Seconds that one step may take.", min=0.01, metavar="SECONDS")
    ] = 5.0,
    as_json: Annotated[  # noqa: FBT002 - a flag of the command line
        bool, typer.Option("--json", help="Print the result file instead of a table.")
    ] = False,
    verbose: Annotated[  # noqa: FBT002 - a flag of the command line
        bool, typer.Option("--verbose", "-v", help="Print each requirement that passed, too.")
    ] = False,
    url: Annotated[
        list[str] | None,
        typer.Option(help="With --server: one of its base URLs.", metavar="NAME=URL"),
    ] = None,
    credential: Annotated[
        list[str] | None,
        typer.Option(help="With --server: a credential it accepts.", metavar="NAME=VALUE"),
    ] = None,
    trigger: Annotated[
        list[str] | None,
        typer.Option(help="With --server: URL to POST to, to make it act.", metavar="NAME=URL"),
    ] = None,
    feature: Annotated[
        list[str] | None, typer.Option(help="With --server: a feature it has.", metavar="NAME")
    ] = None,
    vendor_cache: Annotated[
        Path, typer.Option(help="With --vendors: where environments are kept.", metavar="DIR")
    ] = Path(".understudy/vendors"),
    baseline: Annotated[
        str,
        typer.Option(
            help="Known deviations: a file, a folder of them, or `vendors` for the packaged ones.",
            metavar="PATH",
        ),
    ] = "",
) -> None:
    """Certify a client or a server; without any, our reference clients and mock platforms.

    Exit status: 0 certified, 1 a requirement failed, 2 could not run.
    """
    from understudy.certify import Request, certify_request

    request = Request(
        client=client,
        attach=attach,
        server=server,
        server_command=server_command,
        vendors=vendors,
        protocol=protocol,
        revision=revision,
        role=role,
        out=out,
        only=tuple(only or ()),
        jobs=jobs,
        shard=shard,
        repeat=repeat,
        shuffle=shuffle,
        seed=seed,
        fail_fast=fail_fast,
        strict=strict,
        deadline=deadline,
        as_json=as_json,
        verbose=verbose,
        urls=tuple(url or ()),
        credentials=tuple(credential or ()),
        triggers=tuple(trigger or ()),
        features=tuple(feature or ()),
        vendor_cache=vendor_cache,
        baseline=baseline,
    )
    raise typer.Exit(certify_request(request))


@app.command()
def serve(  # noqa: PLR0917 - typer passes them by name
    protocols: Annotated[
        list[str] | None, typer.Argument(help="Protocol ids, optionally with @revision.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Every protocol there is.")] = False,  # noqa: FBT002 - a flag of the command line
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int,
        typer.Option(
            help="Port, with those behind it where a platform needs several; 0 takes free ones.",
            min=0,
            max=65535,
        ),
    ] = 0,
    advertise: Annotated[
        str,
        typer.Option(help="Host in the URLs for clients; default: what is listened on."),
    ] = "",
    port_file: Annotated[
        Path | None, typer.Option(help="Write URLs and credentials here, as JSON.")
    ] = None,
    as_json: Annotated[  # noqa: FBT002 - a flag of the command line
        bool, typer.Option("--json", help="Print URLs and credentials as one line of JSON.")
    ] = False,
    snippets: Annotated[  # noqa: FBT002 - a flag of the command line
        bool,
        typer.Option(
            "--snippets/--no-snippets",
            help="Print code that points each vendor's SDK at its platform.",
        ),
    ] = True,
    seed: Annotated[int | None, typer.Option(help="Seed of ids, secrets and content.")] = None,
    pace: Annotated[  # noqa: FBT002 - a flag of the command line
        bool, typer.Option("--pace/--no-pace", help="Let answers take as long as their audio.")
    ] = True,
    control_token: Annotated[
        str, typer.Option(help="Token of the control API; needed beyond this machine.")
    ] = "",
    config: Annotated[
        Path | None, typer.Option(help="TOML, YAML or JSON file with the same options.")
    ] = None,
) -> None:
    """Run mock platforms until Ctrl-C, and say how to point the vendors' SDKs at them."""
    from understudy.serve import ServeOptions
    from understudy.serve import serve as run_servers

    options = ServeOptions(
        protocols=tuple(protocols or ()),
        every=every,
        host=host,
        port=port,
        port_file=str(port_file) if port_file is not None else None,
        seed=seed,
        pace=pace,
        control_token=control_token,
        advertise=advertise,
        snippets=snippets,
        as_json=as_json,
    )
    raise typer.Exit(run_servers(options, config=config, say=typer.echo))


@app.command()
def scenarios(
    protocol: Annotated[str, typer.Option(help="Only this protocol.")] = "",
    role: Annotated[str, typer.Option(help="Only this role: client or server.")] = "",
    only: Annotated[
        list[str] | None,
        typer.Option(help="Scenario glob or requirement id; repeatable.", metavar="GLOB"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,  # noqa: FBT002 - a flag of the command line
) -> None:
    """List the scenarios, with what each verifies; status 2 if one is malformed."""
    from understudy.catalogue import list_scenarios

    raise typer.Exit(
        list_scenarios(protocol=protocol, role=role, only=tuple(only or ()), as_json=as_json)
    )


@app.command()
def explain(
    requirement: Annotated[str, typer.Argument(help="Requirement id, such as AVK-HS-004.")],
    revision: Annotated[str, typer.Option(help="Revision; default: every one that has it.")] = "",
) -> None:
    """Say what a requirement wants, who says so, what verifies it and how to try it alone."""
    from understudy.catalogue import explain_requirement

    raise typer.Exit(explain_requirement(requirement, revision))


@app.command()
def drift(
    results: Annotated[
        Path, typer.Option(help="Results of a run of all vendors' SDKs.", metavar="FILE")
    ] = Path("reports/results.json"),
    file: Annotated[Path, typer.Option(help="The page to write.")] = Path(
        "docs/reference/drift.md"
    ),
    check: Annotated[  # noqa: FBT002 - a flag of the command line
        bool, typer.Option("--check", help="Write nothing; status 1 if the page is stale.")
    ] = False,
) -> None:
    """Write what the vendors' documents say, what their SDKs do, and what these get wrong."""
    from understudy.drift import write_drift

    raise typer.Exit(write_drift(results, file, check=check, say=typer.echo))


def run(arguments: Sequence[str]) -> int:
    """Run the command line.

    Returns:
        The exit status. Mistakes of the user are one line on stderr and status 2.
    """
    try:
        words = _seeded(arguments) or ["--help"]
        status: Any = app(words, prog_name="understudy", standalone_mode=False)
    except typer.Exit as error:
        status = error.exit_code
    except (typer.Abort, KeyboardInterrupt):
        return _complain("stopped")
    except (UnderstudyError, OSError) as error:
        return _complain(str(error))
    except ModuleNotFoundError as error:
        return _complain(_missing(error))
    except Exception as error:  # noqa: BLE001 - the last line of defence: a line, not a traceback
        # Click's own errors carry their message and status, and no traceback is of use.
        message = getattr(error, "format_message", None)
        return _complain(_fault(error) if message is None else message())
    if status == _INTERRUPTED:
        return _complain("stopped")
    return status if isinstance(status, int) else 0


def _seeded(arguments: Sequence[str]) -> list[str]:
    """The arguments, with a seed drawn for a ``--shuffle`` that names none."""
    words: list[str] = []
    for word, following in zip(arguments, [*arguments[1:], "--"], strict=False):
        words.append(word)
        if word == SHUFFLE and following.startswith("--"):
            words.append(str(secrets.randbelow(2**31)))
    return words


def _missing(error: ModuleNotFoundError) -> str:
    """Which extra to install, if it is that."""
    if "pip install 'understudy[" in str(error):
        return str(error)
    if (error.name or "").partition(".")[0] == "google":
        return (
            "avatarkit needs protobuf, which is not installed: pip install 'understudy[avatarkit]'"
        )
    return _fault(error)


def _fault(error: Exception) -> str:
    """A mistake of ours, in one line: what, and where."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    what = f"{type(error).__name__}: {error} ({place.filename}:{place.lineno})"
    return f"a fault of Understudy itself, please report it: {what}"


def _complain(text: str) -> int:
    print(f"understudy: {text}", file=sys.stderr)  # noqa: T201 - the command line's own output
    return USAGE_ERROR
