# The two commands to know: `make demo` and `make test`. Each makes the environment that it needs.
PYTHON ?= python3
VENV ?= .venv
RUN = $(VENV)/bin/python

.PHONY: demo test test-long lint docs clean

demo: $(VENV)/.installed
	$(RUN) scripts/demo.py

test: $(VENV)/.installed
	$(RUN) -m pytest -n 2 --dist loadfile --no-loadscope-reorder

# Many more mutated files than `make test` tries; it takes minutes.
test-long: $(VENV)/.installed
	FUZZ_EXAMPLES=5000 $(RUN) -m pytest tests/fuzz/test_fuzz_samples.py tests/fuzz/test_fuzz_archives.py
	FUZZ_EXAMPLES=500 $(RUN) -m pytest tests/fuzz/test_fuzz_records.py

lint: $(VENV)/.installed
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy
	$(RUN) -m codespell_lib

# The site, into site/. A warning or a dead link is an error.
docs: $(VENV)/.docs-installed
	NO_MKDOCS_2_WARNING=1 $(RUN) -m mkdocs build --quiet

$(VENV)/.docs-installed: $(VENV)/.installed
	$(RUN) -m pip install --quiet --editable .[docs]
	touch $@

# The stamp comes last, so that an interrupted installation is not taken as done.
$(VENV)/.installed: requirements.txt setup.py
	$(PYTHON) -c "import sys; v = sys.version_info[:2]; sys.exit(None if (3, 10) <= v <= (3, 13) else 'error: Python %d.%d; TensorFlow 2.21 needs 3.10 to 3.13: make PYTHON=python3.12' % v)"
	$(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --quiet --upgrade pip
	$(RUN) -m pip install --quiet -r requirements.txt
	$(RUN) -m pip install --quiet --no-deps --editable .
	touch $@

clean:
	rm -rf $(VENV) demo site .cache
