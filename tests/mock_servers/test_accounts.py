from __future__ import annotations

import pytest

from mock_servers import accounts as module
from mock_servers.accounts import Account, Accounts, Token


def test_credits_are_used_up():
    account = Account(name="a", api_key="k", credits=1.0)
    assert account.charge(0.5)
    assert not account.charge(0.5)
    assert account.out_of_credits


def test_without_limits_everything_is_allowed():
    account = Account(name="a", api_key="k")
    account.active.update("xyz")
    assert account.charge(1e9)
    assert not account.out_of_credits
    assert not account.out_of_quota
    assert not account.at_capacity


def test_limits_apply():
    account = Account(name="a", api_key="k", quota=0, concurrency=1, active={"s"})
    assert account.out_of_quota
    assert account.at_capacity


def test_accounts_are_found_by_key_name_and_app():
    accounts = Accounts()
    account = accounts.add(Account(name="a", api_key="k", apps=("app",)))
    assert accounts.by_key("k") is account
    assert accounts.by_name("a") is account
    assert accounts.by_key("other") is None
    assert accounts.by_name("other") is None
    assert accounts.knows_app("app")
    assert not accounts.knows_app("other")


def test_old_tokens_make_room_for_new_ones(monkeypatch):
    monkeypatch.setattr(module, "_TOKENS_KEPT", 2)
    accounts = Accounts()
    account = Account(name="a", api_key="k")
    for value, expires in (("expired", 5), ("first", 50), ("second", 50), ("third", 50)):
        accounts.issue(Token(value=value, account=account, expires_at=expires), now=10)
    assert [name for name in ("expired", "first", "second", "third") if accounts.token(name)] == [
        "second",
        "third",
    ]


def test_the_control_api_changes_an_account():
    account = Account(name="a", api_key="k", apps=("app",))
    account.change({"credits": 3, "billing": False})
    assert account.describe() == {
        "name": "a",
        "apps": ["app"],
        "active": [],
        "billing": False,
        "credits": 3,
        "quota": None,
        "concurrency": None,
    }


@pytest.mark.parametrize("values", [{"api_key": "x"}, {"credits": "many"}, [1], {"billing": 1}])
def test_wrong_changes_are_refused_as_a_whole(values):
    account = Account(name="a", api_key="k")
    with pytest.raises((ValueError, TypeError)):
        account.change(values)
    assert account == Account(name="a", api_key="k")
