"""Stands in for a module of the vendor's package."""


class PerformanceRecorder:
    pass
