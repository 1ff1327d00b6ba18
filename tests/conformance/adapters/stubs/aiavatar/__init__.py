# ruff: noqa: T201 - it prints like the package it stands in for
"""Stands in for the vendor's package: as much of it as the adapters use."""

print("the stub was imported and prints to stdout")
