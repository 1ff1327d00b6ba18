"""Checks of the VideoSDK avatar channel."""
