"""Transcripts as a channel: what was written is heard with its own clock, and what is said is written down."""
