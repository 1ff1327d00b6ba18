"""Secrets never leave the journal.

Three rules, in this order:

1. A secret that the platform minted, or that the protocol gives a form of its own, is recognised by
   it and becomes its kind: ‹session_token›.
2. A secret that the user configured becomes the name it was registered under: ‹api_key›.
3. Whatever else stands where a secret belongs (a header, a query parameter, a member) becomes
   ‹redacted›, because it may be somebody's real key.

Text is rewritten; bytes are overwritten with asterisks of the same length, so that a binary message
stays decodable. What a peer sends may be nested as deeply as it likes and hold characters that no
file can: it comes out bounded and writable.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus, unquote_plus

import msgspec

from mock_servers.documents import is_list, is_object

if TYPE_CHECKING:
    import random

__all__ = ["Mint", "Redactor", "SecretPositions"]

_MINTED = r"understudy-(?P<kind>[a-z_]+)-[0-9a-f]{24}"
_UNKNOWN = "‹redacted›"
_TOO_DEEP = "‹nested too deeply›"
#: Levels of a document that are shown; far more than any message of any protocol has.
_DEPTH = 64
#: A value shorter than this is hidden where it stands, and not wherever else it occurs.
_SHORTEST_SECRET = 2


class Mint:
    """Makes opaque values: secrets that a `Redactor` recognises, and plain ids.

    Args:
        rng: source of the randomness; a seeded one makes every value reproducible.
    """

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng

    def secret(self, kind: str) -> str:
        """A new secret of this kind, such as ``session_token``. Safe in URLs and headers."""
        return f"understudy-{kind}-{self._rng.getrandbits(96):024x}"

    def identifier(self, prefix: str) -> str:
        """A new public id, such as ``conn-5f0c…``: no secret, and shown as it is."""
        return f"{prefix}-{self._rng.getrandbits(64):016x}"


class SecretPositions(msgspec.Struct, frozen=True, kw_only=True):
    """Where a protocol carries secrets.

    Attributes:
        headers: names of header fields, in lower case.
        query: names of query parameters.
        members: names of members of JSON bodies and messages, at any depth.
        forms: regular expressions of secrets that are told by their form, wherever they stand, by
            the name that is shown instead.
    """

    headers: frozenset[str] = frozenset()
    query: frozenset[str] = frozenset()
    members: frozenset[str] = frozenset()
    forms: dict[str, str] = {}


class Redactor:
    """Replaces secrets by placeholders.

    Args:
        positions: where the protocol carries secrets.
    """

    def __init__(self, positions: SecretPositions | None = None) -> None:
        self._positions = positions or SecretPositions()
        self._names: dict[str, str] = {}
        self._forms = [f"(?P<{name}>{form})" for name, form in self._positions.forms.items()]
        names = "|".join(map(re.escape, sorted(self._positions.members)))
        self._json_member = re.compile(rf'("(?:{names})"\s*:\s*")((?:[^"\\]|\\.)*)')
        self._compile()

    def register(self, name: str, secret: str) -> None:
        """Show this secret as ``‹name›`` from now on. An empty secret is not registered."""
        if not secret:
            return
        secret = _writable(secret)
        quoted = json.dumps(secret, ensure_ascii=False)[1:-1]
        forms = {secret, quote(secret, safe=""), quote_plus(secret), quoted}
        forms |= {json.dumps(secret)[1:-1], quoted.replace("/", "\\/")}
        for form in forms:
            self._names[form] = name
        self._compile()

    def _compile(self) -> None:
        # Longest first, so that a secret that contains another one is replaced as a whole.
        forms = sorted(self._names, key=len, reverse=True)
        union = "|".join([_MINTED, *self._forms, *map(re.escape, forms)])
        self._pattern = re.compile(union)
        self._byte_pattern = re.compile(union.encode())

    def text(self, value: str) -> str:
        """The text with every known secret replaced by its placeholder."""
        return self._pattern.sub(self._placeholder, _writable(value))

    def raw(self, value: str) -> str:
        """A message or body as it was sent, without secrets.

        Members are found by their look, so that one is hidden that occurs twice, is spelled with
        escapes, or stands in a document that is cut off.
        """
        if not self._positions.members:
            return self.text(value)
        return self._json_member.sub(_hide_unknown, self.text(value))

    def bytes(self, value: bytes) -> bytes:
        """The bytes with every known secret overwritten, at the same length."""
        return self._byte_pattern.sub(lambda found: b"*" * len(found[0]), value)

    def headers(self, fields: dict[str, str]) -> dict[str, str]:
        """Header fields without secrets. An authorization scheme stays readable."""
        return {name: self._header(name, value) for name, value in fields.items()}

    def target(self, value: str) -> str:
        """A request target, path and query, without secrets."""
        path, question_mark, query = self.text(value).partition("?")
        parts = [self._parameter(part) for part in query.split("&")] if query else []
        return f"{path}{question_mark}{'&'.join(parts)}"

    def document(
        self,
        value: Any,  # noqa: ANN401 - any JSON document
        hidden: set[str],
        *,
        depth: int = _DEPTH,
    ) -> Any:  # noqa: ANN401 - as above
        """A decoded document without secrets.

        Args:
            value: the document.
            hidden: receives the unknown values that were hidden, for the raw form of the same
                document.
            depth: levels that are shown; what lies below them is left out.
        """
        if depth == 0 and (is_object(value) or is_list(value)):
            return _TOO_DEEP
        if is_list(value):
            return [self.document(part, hidden, depth=depth - 1) for part in value]
        if is_object(value):
            return {
                self.text(key): self._member(key, part, hidden, depth - 1)
                for key, part in value.items()
            }
        return self.text(value) if isinstance(value, str) else value

    def _member(self, key: str, value: Any, hidden: set[str], depth: int) -> Any:  # noqa: ANN401 - see above
        if key not in self._positions.members or not isinstance(value, str):
            return self.document(value, hidden, depth=depth)
        value = _writable(value)
        shown = self.text(value)
        if shown == value and value:
            if len(value) >= _SHORTEST_SECRET:
                hidden.add(value)
            return _UNKNOWN
        return shown

    def _header(self, name: str, value: str) -> str:
        value = _writable(value)
        shown = self.text(value)
        if name.lower() not in self._positions.headers or shown != value or not value:
            return shown
        scheme, space, _ = value.partition(" ")
        return f"{scheme} {_UNKNOWN}" if space else _UNKNOWN

    def _parameter(self, part: str) -> str:
        name, equals, value = part.partition("=")
        if unquote_plus(name) in self._positions.query and value and "‹" not in value:
            return f"{name}{equals}{_UNKNOWN}"
        return part

    def _placeholder(self, found: re.Match[str]) -> str:
        form = next((name for name in self._positions.forms if found[name]), None)
        return f"‹{found['kind'] or form or self._names[found[0]]}›"


def _hide_unknown(found: re.Match[str]) -> str:
    name, value = found.groups()
    return found[0] if not value or "‹" in value else f"{name}{_UNKNOWN}"


def _writable(text: str) -> str:
    """The text with lone surrogates as escapes: no file can hold them."""
    return text if text.isascii() else text.encode(errors="backslashreplace").decode()
