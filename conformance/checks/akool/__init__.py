"""Checks of Akool Streaming Avatar: of clients by topic, of servers in ``server_*``."""
