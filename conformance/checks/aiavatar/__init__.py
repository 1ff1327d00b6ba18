"""Checks of AIAvatarKit."""
