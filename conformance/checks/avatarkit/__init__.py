"""Checks of AvatarKit: client topics by their names, server topics as ``server_<topic>``."""
