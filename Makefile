SHELL := /bin/bash
PY := .venv/bin/python
.DEFAULT_GOAL := help

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

.venv/.ready: pyproject.toml constraints.txt scripts/setup
	@bash scripts/setup

setup: .venv/.ready  ## make .venv with everything in it (no CUDA on a machine without a GPU)

demo: .venv/.ready  ## start the product with a sample grid; Ctrl-C stops it, a second start goes on
	@.venv/bin/minhu demo

test: .venv/.ready  ## all tests: unit, flows, real Redis, real PostgreSQL, real browser, kill tests
	@bash scripts/test

check: .venv/.ready  ## ruff, mypy strict, import direction, dependencies
	.venv/bin/ruff check . && .venv/bin/ruff format --check . && .venv/bin/mypy && .venv/bin/lint-imports && .venv/bin/deptry .

bench: .venv/.ready  ## every figure with its n and its data; speed of the whole path
	$(PY) -m models.bench
	$(PY) -m bot.bench

train: .venv/.ready  ## rebuild models/shipped from the training data
	$(PY) -m models.train

clean:  ## remove .venv, caches and the demo's data
	rm -rf .venv build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache var out

.PHONY: help setup demo test check bench train clean
