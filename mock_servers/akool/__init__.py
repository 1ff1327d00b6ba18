"""The mock Akool platform."""
