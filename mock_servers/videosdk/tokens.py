"""Tokens as the journal shows them: readable, and without the secret.

A JWT can be read by anybody and is good for its bearer until it expires, so its text never reaches
the journal. What it says does: header, claims, whether the signature is the account's, and a
digest, by which a check can tell that two tokens are the same.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final

from protocol_core.errors import MissingLibraryError

try:
    import jwt
except ModuleNotFoundError as error:
    raise MissingLibraryError("videosdk", "PyJWT", "jwt") from error

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["TOKEN_FORM", "describe_token"]

#: A compact JWT, wherever it stands: three parts, of which two are JSON objects in base64url.
TOKEN_FORM: Final = r"eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*"  # noqa: S105 - a pattern

_JWT: Final[Any] = jwt  # its annotations name types of libraries that need not be installed
_UNCHECKED: Final[Any] = {"verify_signature": False}
_SIGNATURE_ONLY: Final[Any] = {
    "verify_exp": False,
    "verify_iat": False,
    "verify_nbf": False,
    "verify_aud": False,
    "verify_iss": False,
    "verify_sub": False,
    "verify_jti": False,
}
_DIGEST_DIGITS = 16


def describe_token(
    token: str, secrets: Mapping[str, str], *, algorithm: str, key_claim: str
) -> dict[str, Any] | None:
    """What a token says.

    Args:
        token: a compact JWT.
        secrets: the accounts' secrets, by API key.
        algorithm: the only one that counts as signed.
        key_claim: name of the claim that holds the API key.

    Returns:
        ``header``, ``claims``, ``signature`` (``valid``, ``invalid``, ``none``) and ``digest``;
        None if it is no JWT.
    """
    try:
        read: dict[str, Any] = _JWT.decode_complete(token, options=_UNCHECKED)
    except (jwt.InvalidTokenError, ValueError, RecursionError):
        return None
    header, claims = read["header"], read["payload"]
    secret = secrets.get(str(claims.get(key_claim)), "")
    return {
        "header": header,
        "claims": claims,
        "signature": _judge(token, secret, algorithm),
        "digest": hashlib.sha256(token.encode()).hexdigest()[:_DIGEST_DIGITS],
    }


def _judge(token: str, secret: str, algorithm: str) -> str:
    if not token.rpartition(".")[2]:
        return "none"
    if not secret:
        return "invalid"
    try:
        _JWT.decode(token, secret, algorithms=[algorithm], options=_SIGNATURE_ONLY)
    except jwt.InvalidTokenError:
        return "invalid"
    return "valid"
