from __future__ import annotations

from mock_servers.schemas import SchemaCheck


def test_problems_name_place_and_fault():
    check = SchemaCheck("avatarkit", "0.1.7")
    assert check.problems("token-request", {"expireAt": 5}) == []
    (problem,) = check.problems("token-request", {"expireAt": "5"})
    assert problem.startswith("expireAt: ")


def test_documents_that_are_nested_too_deeply():
    deep: object = 1
    for _ in range(600):
        deep = {"a": deep}
    (problem,) = SchemaCheck("avatarkit", "0.1.7").problems("token-request", deep)
    assert problem.startswith(".: ")
