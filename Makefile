# Two commands on a fresh machine: `make demo` and `make test`. Everything they need is installed into .venv.
PYTHON ?= python3
UV_VERSION := 0.13.9
BIN := .venv/bin
export GX_ANALYTICS_ENABLED := false
export DAGSTER_DISABLE_TELEMETRY := 1
# One thread a process: the same sums in the same order everywhere, and no fight over two cores.
export OPENBLAS_NUM_THREADS := 1

.PHONY: demo test check dev bench simulate truth crosscheck lock screenshot clean

# uv installs the lock (names, versions, hashes) in seconds; pip would need more than a minute.
.venv/.installed: requirements.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	$(BIN)/uv pip sync --quiet --python $(BIN)/python requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --offline --no-index --no-deps --no-build-isolation -e .
	touch $@

demo: .venv/.installed ## synthetic extracts in every supported format, the whole pipeline, the summary
	$(BIN)/cohorts demo --home var/demo

test: .venv/.installed ## the whole suite
	$(BIN)/python -m pytest -n 2 -q

check: .venv/.installed ## everything CI checks without running the pipeline
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/sqlfluff lint --processes 2 -q sql
	$(BIN)/dagster definitions validate -w workspace.yaml

dev: .venv/.installed ## the Dagster pages on 127.0.0.1
	mkdir -p var/dagster && cp dagster.yaml var/dagster/
	DAGSTER_HOME=$(CURDIR)/var/dagster $(BIN)/dagster dev -w workspace.yaml -h 127.0.0.1

bench: .venv/.installed ## measured, never asserted: seconds, memory, ratios to peers in the same run
	$(BIN)/python benchmarks/bench_ncdb.py $(if $(NCDB_TOOLS),--peer-python $(NCDB_TOOLS))
	$(BIN)/python benchmarks/bench_seerstat.py
	$(BIN)/python benchmarks/bench_naaccr_xml.py
	$(BIN)/python benchmarks/bench_stats.py $(if $(PEERS),--peer-python $(PEERS))
	$(BIN)/python benchmarks/bench_matching.py

simulate: .venv/.installed ## every estimator on people whose truth is known: writes docs/validation.md
	$(BIN)/python -m benchmarks.simulation.run --replicates 500 --workers 2 --out docs/validation.md

truth: .venv/.installed ## every study on 30,000 synthetic people in stage IV of each registry: writes docs/truth-of-studies.md
	$(BIN)/python -m benchmarks.studies.run --home var/truth --write docs/truth-of-studies.md

crosscheck: .venv/.installed ## the statistics beside lifelines, scikit-survival and statsmodels, in an environment of their own
	$(PYTHON) -m venv .venv-crosscheck
	$(BIN)/uv pip install --quiet --python .venv-crosscheck/bin/python --group crosscheck
	PYTHONPATH=. .venv-crosscheck/bin/python -m pytest tests/crosscheck -q -p no:cacheprovider

screenshot: demo ## redraw the picture of the README from the demo (needs a Chromium)
	$(BIN)/python docs/make_screenshot.py var/demo

lock: .venv/.installed ## resolve again; no download address goes into the lock, each site has its own index
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-strip-extras --no-header --extra dev --extra postgres \
		pyproject.toml -o requirements.lock

clean:
	rm -rf .venv var

.PHONY: test-duckdb2
test-duckdb2: .venv/.installed ## the same suite on DuckDB 2.0, which a site may have before the lock does
	$(PYTHON) -m venv .venv-duckdb2
	$(BIN)/uv pip sync --quiet --python .venv-duckdb2/bin/python requirements.lock
	$(BIN)/uv pip install --quiet --python .venv-duckdb2/bin/python --no-deps duckdb==2.0.0
	$(BIN)/uv pip install --quiet --python .venv-duckdb2/bin/python --offline --no-index --no-deps --no-build-isolation -e .
	.venv-duckdb2/bin/python -m pytest -n 2 -q
