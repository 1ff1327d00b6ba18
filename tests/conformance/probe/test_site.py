from __future__ import annotations

from conformance.probe.site import Site, Surroundings


def test_a_server_that_listens_needs_nothing_beside_it() -> None:
    found = Surroundings(options={"colour": "blue"})
    assert (found.urls, found.credentials, found.room) == ({}, {}, "")
    assert found.site == Site(urls={}, credentials={})
