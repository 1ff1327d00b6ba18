"""The mock AIAvatarKit server."""
