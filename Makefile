# Two commands on a bare machine with Python 3.11+ and make: `make demo` and `make test`.
PYTHON ?= python3
BIN := .venv/bin

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

environment: .venv/installed

# uv installs in half a minute what takes pip three. The package is installed
# editable, so only a change of the dependencies asks for a new install.
.venv/installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed; run: make PYTHON=/path/to/python3.11 ..."; exit 2; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt uv
	$(BIN)/python -m uv pip install --python $(BIN)/python --constraint constraints.txt \
	  --build-constraint constraints.txt --editable '.[test]'
	touch $@

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
