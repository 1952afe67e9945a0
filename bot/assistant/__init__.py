"""The mind: assemble what was said, understand it, decide, act; silent unless there is something worth saying."""
