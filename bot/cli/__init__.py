"""One module a command of `minhu`: `configure(parser)` and `run(options) -> int`."""
