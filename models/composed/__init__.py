"""Conversations and single messages composed for this project, as training data: a compact text that people can read and write."""
