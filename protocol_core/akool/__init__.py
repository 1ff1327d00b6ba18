"""Akool Streaming Avatar, both roles, both dialects."""
