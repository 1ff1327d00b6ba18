"""Drives the reference client of each protocol by the commands of the adapter contract.

``conformance/adapters/reference.py`` speaks the contract; the modules here call the clients.
"""
