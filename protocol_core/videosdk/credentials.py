"""Tokens: minted by agents, verified by rooms and dispatchers (VSD-AUTH-001 to -004).

A token is a JWT; PyJWT signs it and checks signatures. What time it is, is a parameter: expiry is
judged here and not by the library's clock.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

import msgspec

from protocol_core.videosdk.errors import TokenFault, TokenRefused, failure

if TYPE_CHECKING:
    from types import ModuleType

    from protocol_core.videosdk.errors import VideoSdkError
    from protocol_core.videosdk.revision import Revision

__all__ = ["Claims", "Credentials", "agent_token", "mint", "new_participant_id", "verify"]

_SECONDS_ONLY = {"verify_exp": False, "verify_iat": False, "verify_nbf": False, "verify_aud": False}


class Credentials(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker needs to join a room.

    Attributes:
        participant_id: the identity that it must join with.
        token: its token; a secret.
        attributes: reserved, and never required (OP-9).
    """

    participant_id: str
    token: str
    attributes: dict[str, str] | None = None

    def __repr__(self) -> str:
        return f"Credentials(participant_id={self.participant_id!r})"


class Claims(msgspec.Struct, frozen=True, kw_only=True):
    """What a valid token says.

    Attributes:
        api_key: the account.
        issued_at: seconds since the epoch.
        expires_at: seconds since the epoch.
        participant_id: for whom; None in an agent's own token.
    """

    api_key: str
    issued_at: int
    expires_at: int
    participant_id: str | None


def new_participant_id(revision: Revision) -> str:
    """An identity for an avatar that was given none (VSD-AUTH-006)."""
    form = revision.constants.ParticipantId
    prefix: str = form.PREFIX
    return prefix + secrets.token_hex(form.HEX_DIGITS // 2)


def mint(
    revision: Revision,
    *,
    api_key: str,
    secret: str,
    now: float,
    participant_id: str | None = None,
    ttl: int | None = None,
) -> Credentials:
    """Sign a worker's token (VSD-AUTH-001 to VSD-AUTH-006).

    Args:
        revision: whose claims.
        api_key: the account.
        secret: the account's secret.
        now: seconds since the epoch.
        participant_id: for whom; None makes an id.
        ttl: lifetime in seconds; None for the documents' own.

    Raises:
        CredentialsError: PyJWT is not installed.
    """
    identity = participant_id or new_participant_id(revision)
    claims = _claims(revision, api_key, now, ttl)
    claims[revision.constants.Claim.PARTICIPANT_ID] = identity
    return Credentials(participant_id=identity, token=_sign(revision, claims, secret))


def agent_token(
    revision: Revision, *, api_key: str, secret: str, now: float, ttl: int | None = None
) -> str:
    """Sign an agent's own token: a worker's without a participant.

    Raises:
        CredentialsError: PyJWT is not installed.
    """
    return _sign(revision, _claims(revision, api_key, now, ttl), secret)


def verify(
    revision: Revision,
    token: str,
    *,
    secret: str,
    now: float,
    participant_id: str | None = None,
    worker: bool = True,
) -> Claims:
    """Check a token as a room or a dispatcher does (OP-8, OP-10).

    Args:
        revision: whose claims.
        token: a compact JWT.
        secret: the account's secret.
        now: seconds since the epoch; at the moment of expiry the token is expired.
        participant_id: who joins with it; None where that is not known yet.
        worker: whether the token must name a participant, as a worker's does.

    Raises:
        TokenRefused: it is not accepted.
        CredentialsError: PyJWT is not installed.
    """
    payload = _checked(revision, token, secret)
    kind = revision.rest.AvatarTokenClaims if worker else revision.rest.AgentTokenClaims
    try:
        claims: Any = msgspec.convert(payload, kind)
    except msgspec.ValidationError as error:
        raise TokenRefused(TokenFault.CLAIMS, str(error)) from None
    if missing := set(revision.constants.Jwt.PERMISSIONS) - set(claims.permissions):
        raise TokenRefused(TokenFault.CLAIMS, f"it does not grant {', '.join(sorted(missing))}")
    if now >= claims.exp:
        raise TokenRefused(TokenFault.EXPIRED, f"it expired {now - claims.exp:g} s ago")
    owner = payload.get(revision.constants.Claim.PARTICIPANT_ID)
    if participant_id is not None and owner not in {None, participant_id}:
        raise TokenRefused(TokenFault.PARTICIPANT, f"it is not for participant {participant_id!r}")
    return Claims(
        api_key=claims.apikey,
        issued_at=claims.iat,
        expires_at=claims.exp,
        participant_id=owner if isinstance(owner, str) else None,
    )


def _claims(revision: Revision, api_key: str, now: float, ttl: int | None) -> dict[str, Any]:
    """The claims of an agent's token (VSD-AUTH-002 to VSD-AUTH-004)."""
    constants = revision.constants
    claim, issued = constants.Claim, int(now)
    return {
        claim.API_KEY: api_key,
        claim.PERMISSIONS: list(constants.Jwt.PERMISSIONS),
        claim.VERSION: constants.Jwt.VERSION,
        claim.ISSUED_AT: issued,
        claim.EXPIRES: issued + (constants.Timeout.TOKEN_LIFETIME if ttl is None else ttl),
    }


def _sign(revision: Revision, claims: dict[str, Any], secret: str) -> str:
    jwt: Any = _signer(revision)
    token: str = jwt.encode(claims, secret, algorithm=revision.constants.Jwt.ALGORITHM)
    return token


def _checked(revision: Revision, token: str, secret: str) -> dict[str, Any]:
    """The claims of a token whose header and signature are good."""
    jwt: Any = _signer(revision)
    algorithms = [revision.constants.Jwt.ALGORITHM]
    try:
        payload: dict[str, Any] = jwt.decode(
            token, secret, algorithms=algorithms, options=dict(_SECONDS_ONLY)
        )
    except jwt.InvalidSignatureError:
        raise TokenRefused(TokenFault.SIGNATURE, "its signature is not valid") from None
    except jwt.InvalidAlgorithmError:
        raise TokenRefused(TokenFault.HEADER, f"it is not signed by {algorithms[0]}") from None
    except (jwt.InvalidTokenError, ValueError, RecursionError) as error:
        raise TokenRefused(TokenFault.HEADER, f"it cannot be read: {error}") from None
    return payload


def _signer(revision: Revision) -> ModuleType:
    try:
        import jwt
    except ImportError:
        raise _no_signer(revision) from None
    return jwt


def _no_signer(revision: Revision) -> VideoSdkError:
    text: str = revision.constants.ErrorText.SIGNER_MISSING
    return failure(revision, revision.errors.Phase.CREDENTIALS, text, kind="local")
