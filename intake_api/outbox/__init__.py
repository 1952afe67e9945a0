"""What a change has to tell others, written in the same transaction as the change, delivered at least once and in order."""
