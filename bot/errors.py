"""Errors of the bot that a caller can act on."""


class UsageError(Exception):
    """What was wrong with the input, in one line with the remedy."""
