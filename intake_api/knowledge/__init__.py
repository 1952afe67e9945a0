"""The policy base: documents that answers are cited from."""
