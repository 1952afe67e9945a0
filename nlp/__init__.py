"""Language only: text in, values out. No clock, no environment, no database, no web."""
