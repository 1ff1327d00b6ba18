from __future__ import annotations

from protocol_core.akool.events import Request
from protocol_core.akool.requests import Order, Pending, RequestBook


def pending(key, until, request=Request.INTERRUPT):
    return Pending(request=request, key=key, until=until)


def test_the_book():
    book = RequestBook()
    assert (book.first(), book.deadline(), book.find("a")) == (None, None, None)
    first, second = pending("a", 9.0), pending("b", 5.0, Request.PARAMETERS)
    book.add(first)
    book.add(second)
    assert [*book] == [first, second]
    assert (book.first(), book.first(Request.PARAMETERS)) == (first, second)
    assert (book.find("b"), book.deadline()) == (second, 5.0)
    assert (book.overdue(4.9), book.overdue(5.0), book.overdue(9.0)) == (
        [],
        [second],
        [first, second],
    )
    book.settle(first)
    assert book.first() is second
    book.clear()
    assert [*book] == []


def test_an_order_says_what_to_send():
    assert Order(key="a", messages=["x"]).messages == ["x"]
