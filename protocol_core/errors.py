"""The error tree, shared by every protocol.

UnderstudyError
├── ConfigurationError       what the user configured cannot work; nothing was sent
│   └── MissingLibraryError  a library is not installed that one of our extras brings
├── ProtocolError            a rule of a protocol was broken
│   ├── LocalProtocolError   by us: this call is not allowed now; nothing was sent
│   └── RemoteProtocolError  by the peer: it sent something illegal
└── PlatformError            the platform refused or failed; every protocol has its own

Whose fault it is stands in the type. Each error holds fields and formats itself from them.
"""

from __future__ import annotations

__all__ = [
    "ConfigurationError",
    "LocalProtocolError",
    "MissingLibraryError",
    "PlatformError",
    "ProtocolError",
    "RemoteProtocolError",
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


class RemoteProtocolError(ProtocolError):
    """The peer sent something illegal."""


class PlatformError(UnderstudyError):
    """The platform refused or failed; each protocol's errors derive from this."""


def _sentence(problem: str, *, value: object, hint: str) -> str:
    got = "" if value is None else f" (got {_shorten(value)})"
    advice = f": {hint}" if hint else ""
    return f"{problem}{got}{advice}"


def _shorten(value: object, limit: int = 80) -> str:
    text = repr(value)
    return text if len(text) <= limit else f"{text[:limit]}…"
