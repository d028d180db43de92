# Two commands on a bare machine with Python 3.11+ and make: `make demo` and `make test`.
BIN := .venv/bin
NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))
# The Python of .venv, if it will do. PYTHON=... asks for another, and .venv is made anew with it.
PYTHON ?= $(shell $(BIN)/python -c '$(NEW_ENOUGH)' 2>/dev/null && echo $(BIN)/python || echo python3)

.PHONY: demo test environment constraints clean

demo: environment
	$(BIN)/course demo

# One worker has all tests of a file: they share what a long fixture has made.
test: environment
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/course build
	$(BIN)/course build --check
	$(BIN)/course prove
	$(BIN)/pytest -rs --numprocesses 2 --dist loadfile --no-loadscope-reorder --durations 10

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
