"""Signed messages to systems of departments."""
