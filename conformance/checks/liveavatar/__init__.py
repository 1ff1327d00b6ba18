"""Checks of the Live Avatar Channel."""
