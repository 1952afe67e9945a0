"""The catalogue of matters, in versions."""
