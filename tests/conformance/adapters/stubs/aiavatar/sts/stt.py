"""Stands in for a module of the vendor's package."""

from .parts import Part


class SpeechRecognizer(Part):
    pass
