# On a bare machine with Python 3.11+ and make: `make demo`, and `make quick`, `test` or `proof`.
BIN := .venv/bin
NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))
# The Python of .venv, if it will do. PYTHON=... asks for another, and .venv is made anew with it.
PYTHON ?= $(shell $(BIN)/python -c '$(NEW_ENOUGH)' 2>/dev/null && echo $(BIN)/python || echo python3)

# All tests of a file run in one worker: they share what a long fixture has made. (Groups of
# pytest-xdist do not work with this pytest: it takes no notice of the suffix that xdist gives ids.)
PYTEST := $(BIN)/pytest -rs --numprocesses 2 --dist loadfile --no-loadscope-reorder --durations 10

.PHONY: demo quick test proof laws built environment constraints clean

demo: environment
	$(BIN)/course demo

# While you work: laws, types, and the tests that start no kernel, grader or browser.
quick: environment laws
	$(PYTEST) -m "not slow"

# What CI runs: of every kind that can go wrong a case; what was proved before is remembered.
test: environment laws built
	$(BIN)/course prove
	$(PYTEST)

# Before a release: all answers under all graders, all attacks; nothing is remembered.
proof: environment laws built
	$(BIN)/course prove --everything
	COURSE_PROOF=everything $(PYTEST)

laws:
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy

built:
	$(BIN)/course build
	$(BIN)/course build --check

# Mends .venv, too; does nothing if it is sound. Isolated, so that no PYTHONPATH comes between.
environment:
	@$(PYTHON) -c '$(NEW_ENOUGH)' || \
	  { echo "Python 3.11 or newer is needed; run: make PYTHON=/path/to/python3.11 ..."; exit 2; }
	@$(PYTHON) -I autograder/commands/environment.py

# Pin everything anew, at the newest versions that pyproject.toml allows.
constraints: environment
	{ echo '# Every package at the version the course was tested with, for all systems.'; \
	  echo '# Made by `make constraints`; do not edit.'; \
	  printf 'uv\nhatchling\neditables\n' | $(BIN)/uv pip compile --quiet --universal --upgrade \
	    --all-extras --python-version 3.11 --no-annotate --no-header --no-emit-index-url \
	    pyproject.toml -; } > constraints.new
	mv constraints.new constraints.txt

clean:
	rm -rf .venv build
