"""Plays the steps of a scenario: `client.py` against a client under test, `server.py` a server."""
