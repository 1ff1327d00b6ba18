"""Who may use a platform, and how much of it: keys, apps, tokens, credits, quotas.

The state is the same for every protocol; which rejection follows from it is each platform's own
business. Everything here is plain data that tests and the control API may change at any time; it
takes effect at the next decision.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from mock_servers.documents import is_object

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Account", "Accounts", "Token"]


@dataclass(kw_only=True)
class Account:
    """One customer.

    Attributes:
        name: for people.
        api_key: authenticates REST calls.
        apps: ids of the apps that the account's tokens are good for.
        billing: whether billing lets sessions start.
        credits: seconds of service left; None is unlimited.
        quota: sessions left; None is unlimited.
        concurrency: sessions at a time; None is unlimited.
        active: ids of the sessions that run now.
    """

    name: str
    api_key: str
    apps: tuple[str, ...] = ()
    billing: bool = True
    credits: float | None = None
    quota: int | None = None
    concurrency: int | None = None
    active: set[str] = field(default_factory=set[str])

    @property
    def out_of_credits(self) -> bool:
        return self.credits is not None and self.credits <= 0

    @property
    def out_of_quota(self) -> bool:
        return self.quota is not None and self.quota <= 0

    @property
    def at_capacity(self) -> bool:
        return self.concurrency is not None and len(self.active) >= self.concurrency

    def describe(self) -> dict[str, Any]:
        """The account for the control API, without its key."""
        return {
            **{name: getattr(self, name) for name in _CHANGEABLE},
            "name": self.name,
            "apps": list(self.apps),
            "active": sorted(self.active),
        }

    def change(self, values: object) -> None:
        """Take new values of some of billing, credits, quota, concurrency.

        Raises:
            TypeError: the values are no object.
            ValueError: an unknown name or a value of the wrong type.
        """
        if not is_object(values):
            raise TypeError("an account is changed by a JSON object")
        for name, value in values.items():
            if name not in _CHANGEABLE:
                raise ValueError(f"cannot change {name!r}; can change {', '.join(_CHANGEABLE)}")
            msgspec.convert(value, _CHANGEABLE[name])
        for name, value in values.items():
            setattr(self, name, value)

    def charge(self, seconds: float) -> bool:
        """Use up credits; whether there are some left."""
        if self.credits is None:
            return True
        self.credits -= seconds
        return self.credits > 0


@dataclass(kw_only=True)
class Token:
    """A session token.

    Attributes:
        value: the secret.
        account: whom it was issued to.
        expires_at: Unix time in seconds from which on it is refused.
    """

    value: str
    account: Account
    expires_at: float


class Accounts:
    """Every account and token of one platform."""

    def __init__(self) -> None:
        self._by_key: dict[str, Account] = {}
        self._tokens: dict[str, Token] = {}

    def __iter__(self) -> Iterator[Account]:
        return iter(self._by_key.values())

    def clear(self) -> None:
        """Forget every account and token."""
        self._by_key.clear()
        self._tokens.clear()

    def add(self, account: Account) -> Account:
        self._by_key[account.api_key] = account
        return account

    def by_key(self, api_key: str) -> Account | None:
        return self._by_key.get(api_key)

    def by_name(self, name: str) -> Account | None:
        return next((account for account in self if account.name == name), None)

    def knows_app(self, app_id: str) -> bool:
        return any(app_id in account.apps for account in self)

    def issue(self, token: Token, now: float) -> None:
        """Remember a token; forgets those that have long expired.

        Args:
            token: the new token.
            now: Unix time in seconds.
        """
        if len(self._tokens) >= _TOKENS_KEPT:
            self._tokens = {
                value: kept for value, kept in self._tokens.items() if kept.expires_at > now
            }
        while len(self._tokens) >= _TOKENS_KEPT:
            del self._tokens[next(iter(self._tokens))]
        self._tokens[token.value] = token

    def token(self, value: str) -> Token | None:
        return self._tokens.get(value)


_CHANGEABLE: dict[str, Any] = {
    "billing": bool,
    "credits": float | None,
    "quota": int | None,
    "concurrency": int | None,
}
#: More live tokens than any test or load run needs; the oldest go first.
_TOKENS_KEPT = 100_000
