"""The error tree, shared by every protocol.

UnderstudyError
├── ConfigurationError       what the user configured cannot work; nothing was sent
│   └── MissingLibraryError  a library is not installed that one of our extras brings
├── ProtocolError            a rule of a protocol was broken
│   ├── LocalProtocolError   by us: this call is not allowed now; nothing was sent
│   │   └── SendRefused      the same, with a stable code
│   └── RemoteProtocolError  by the peer: it sent something illegal
└── PlatformError            the platform refused or failed
    └── SessionError         the same, with a stable code; every protocol derives its own

Whose fault it is stands in the type. Each error holds fields and formats itself from them.
"""

from __future__ import annotations

from typing import Required, TypedDict, Unpack

__all__ = [
    "ConfigurationError",
    "FailureFields",
    "LocalProtocolError",
    "MissingLibraryError",
    "PlatformError",
    "ProtocolError",
    "RemoteProtocolError",
    "SendRefused",
    "SessionError",
    "UnderstudyError",
]


class UnderstudyError(Exception):
    """Base of everything that Understudy raises on purpose."""


class ConfigurationError(UnderstudyError):
    """A setting that cannot work.

    Attributes:
        setting: name of the setting, as the user wrote it.
        value: the offending value.
        hint: what to do about it.
    """

    def __init__(self, problem: str, *, setting: str, value: object = None, hint: str = "") -> None:
        super().__init__(problem)
        self.problem = problem
        self.setting = setting
        self.value = value
        self.hint = hint

    def __str__(self) -> str:
        return _sentence(f"{self.setting}: {self.problem}", value=self.value, hint=self.hint)


class MissingLibraryError(ConfigurationError, ModuleNotFoundError):
    """A library is not installed that a protocol's extra brings.

    Args:
        protocol: protocol id, and the name of its extra.
        library: the library, as pip knows it.
        module: the module that could not be imported.
    """

    def __init__(self, protocol: str, library: str, module: str) -> None:
        problem = f"needs {library}, which is not installed"
        super().__init__(problem, setting=protocol, hint=f"pip install 'understudy[{protocol}]'")
        self.name = module

    def __str__(self) -> str:
        return f"{self.setting} {self.problem}: {self.hint}"


class ProtocolError(UnderstudyError):
    """A broken rule.

    Attributes:
        protocol: protocol id, such as ``avatarkit``.
        requirement: id of the rule, such as ``AVK-HS-006``, or "" where no single rule applies.
        value: the offending value, if there is one.
        hint: what to do about it.
    """

    def __init__(
        self,
        problem: str,
        *,
        protocol: str = "",
        requirement: str = "",
        value: object = None,
        hint: str = "",
    ) -> None:
        super().__init__(problem)
        self.problem = problem
        self.protocol = protocol
        self.requirement = requirement
        self.value = value
        self.hint = hint

    def __str__(self) -> str:
        rule = f" [{self.requirement}]" if self.requirement else ""
        return _sentence(f"{self.problem}{rule}", value=self.value, hint=self.hint)


class LocalProtocolError(ProtocolError):
    """We may not do this now. Nothing was sent."""


class SendRefused(LocalProtocolError):  # noqa: N818 - it names what happened, as its sisters do
    """This may not be sent now, or cannot be put on the wire. Nothing was sent.

    Attributes:
        code: stable code, a member of the protocol's ``ErrorCode``.
        phase: what was to be done, a member of its ``Phase``; "" where it has no name.
    """

    def __init__(
        self,
        problem: str,
        *,
        protocol: str,
        code: str,
        phase: str = "",
        requirement: str,
        value: object = None,
        hint: str = "",
    ) -> None:
        super().__init__(
            problem, protocol=protocol, requirement=requirement, value=value, hint=hint
        )
        self.code = code
        self.phase = phase


class RemoteProtocolError(ProtocolError):
    """The peer sent something illegal."""


class PlatformError(UnderstudyError):
    """The platform refused or failed; each protocol's errors derive from this."""


class FailureFields(TypedDict, total=False):
    """What is known of a failure besides its words; see `SessionError`."""

    code: Required[str]
    phase: Required[str]
    retry: bool
    kind: str
    http_status: int | None
    server_code: int | None
    raw_body: str
    close_code: int | None
    close_reason: str
    requirement: str


class SessionError(PlatformError):
    """A call, a session or a turn that failed.

    Attributes:
        code: stable code, a member of the protocol's ``ErrorCode``.
        message: the platform's words if it gave any, else ours.
        phase: when, a member of its ``Phase``.
        retry: whether trying again without any change can help.
        kind: ``protocol``, ``transport``, ``timeout`` or ``local``.
        http_status: HTTP status, where there was one.
        server_code: the platform's own number, where it gave one.
        raw_body: the HTTP body as text; "" where there was none.
        close_code: close code of the socket, where one ended it.
        close_reason: its reason.
        requirement: id of the rule behind it.
    """

    def __init__(self, message: str, **fields: Unpack[FailureFields]) -> None:
        super().__init__(message)
        self.message = message
        self.code = fields["code"]
        self.phase = fields["phase"]
        self.retry = fields.get("retry", False)
        self.kind = fields.get("kind", "protocol")
        self.http_status = fields.get("http_status")
        self.server_code = fields.get("server_code")
        self.raw_body = fields.get("raw_body", "")
        self.close_code = fields.get("close_code")
        self.close_reason = fields.get("close_reason", "")
        self.requirement = fields.get("requirement", "")

    def __str__(self) -> str:
        details = {
            "HTTP": self.http_status,
            "number": self.server_code,
            "close": self.close_code,
        }
        known = "".join(f", {name} {value}" for name, value in details.items() if value is not None)
        return f"{self.message} ({self.code} in {self.phase}{known})"


def _sentence(problem: str, *, value: object, hint: str) -> str:
    got = "" if value is None else f" (got {_shorten(value)})"
    advice = f": {hint}" if hint else ""
    return f"{problem}{got}{advice}"


def _shorten(value: object, limit: int = 80) -> str:
    text = repr(value)
    return text if len(text) <= limit else f"{text[:limit]}…"
