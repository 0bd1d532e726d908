# One vocabulary for people, hooks and CI. `make run` and `make test` need nothing but Python 3.11, git and make.

PYTHON ?= python3.11
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
export DO_NOT_TRACK := 1
export MLFLOW_DISABLE_TELEMETRY := true
export MLFLOW_SERVER_ENABLE_JOB_EXECUTION := false

.PHONY: run test test-long test-postgresql fuzz check lint format up ui schema wheel bench soak soak-operation clean

run: .venv/installed ## The pipeline `digits`, from raw data to a registered model.
	@modelwright run digits

# The tests start hundreds of processes: where PYTHONDONTWRITEBYTECODE is set, each would compile the tool's code anew.
# Three at a time keep two cores at work: a fifth of their time they wait, for servers and for what they have started.
test: .venv/installed ## The tests; of those marked long one in eight, others with another commit.
	@python -m compileall -q tasks flows tests
	@python -m pytest -n 3 --dist loadfile --no-loadscope-reorder --long-in-turn

test-long: .venv/installed ## All tests that are marked long.
	@python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m long

test-postgresql: .venv/installed ## What tracks and registers, on MLflow servers with PostgreSQL behind them: ten minutes and more.
	@python -m pytest -n 2 --dist loadfile --no-loadscope-reorder --registry postgresql tests/test_register.py tests/tracking tests/promotion \
		tests/command/test_promotion.py tests/command/test_compare.py tests/command/test_explain.py \
		tests/command/test_predict.py tests/scoring tests/trials tests/tuning \
		tests/contracts/test_champion_on_todays_rows.py

fuzz: .venv/installed ## Requests that are made up, many of them, and other ones each time: some minutes.
	@HYPOTHESIS_PROFILE=explore python -m pytest tests/serving/test_server.py -k "made_up or no_value"

check: .venv/installed ## The tests that take no whole chain: some three minutes.
	@python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m "not chain and not long"

lint: .venv/installed ## Style, types, the import rules, and that a class name stands once.
	@ruff check .
	@ruff format --check .
	@mypy
	@lint-imports
	@python -m pytest -q tests/contracts/test_one_home.py

format: .venv/installed
	@ruff check --fix-only .
	@ruff format .

up: .venv/installed ## Prefect's and MLflow's servers and the schedules, on loopback, until Ctrl-C.
	@modelwright up

ui: .venv/installed ## The project's own page, and MLflow's: experiments, curves, models. On loopback only.
	@modelwright ui

schema: .venv/installed ## The editor's schema and the page of params.yaml, after a change of tasks/params/ or dvc.yaml.
	@modelwright schema > params.schema.json.new && mv params.schema.json.new params.schema.json
	@python -m tasks.scaffold.dvc_yaml > dvc.yaml.new && mv dvc.yaml.new tasks/scaffold/template/dvc.yaml
	@python -m tasks.params.page > parameters.md.new && mv parameters.md.new docs/parameters.md
	@python -m tasks.params.page --into docs/training.md

wheel: .venv/installed ## The tool as a file that pip installs, in dist/: for projects of one's own (modelwright new).
	@rm -rf build dist
	@python -m pip wheel . --quiet --disable-pip-version-check --no-deps --no-build-isolation --wheel-dir dist
	@rm -rf build
	@ls dist/*.whl

bench: .venv/installed ## The measurements behind docs/benchmarks.md.
	@python benchmarks/overhead.py
	@python benchmarks/ingest.py
	@python benchmarks/folders.py
	@python benchmarks/validate.py
	@python benchmarks/data.py
	@python benchmarks/serving.py
	@python benchmarks/images.py
	@python benchmarks/augment.py
	@python benchmarks/training.py
	@python benchmarks/streaming.py
	@python benchmarks/operate.py

ROUNDS ?= 4
SEED ?= 0

soak: .venv/installed ## Projects killed, damaged, starved, moved, crowded: `make soak ROUNDS=40 SEED=1`; hours for all of it.
	@python -m tests.soak --rounds $(ROUNDS) --seed $(SEED)

RUNS ?= 200
MACHINES ?= 1

soak-operation: .venv/installed ## Runs on schedule under `up`, disturbed at random: `make soak-operation RUNS=20 MACHINES=2`.
	@python -m tests.soak.operation --runs $(RUNS) --seed $(SEED) --machines $(MACHINES)

clean: ## What the stages left in this folder; DVC's cache, the tracking store, and what was logged of answers stay.
	test ! -d data || find data -mindepth 2 -maxdepth 2 ! -name predictions ! -name labels ! -name monitoring -exec rm -rf {} +
	rm -rf models reports

# torch comes first and by its exact version: another one may bring gigabytes. pip would compile 20,000 files one after
# the other, for a minute; compileall does so on all cores. Some are templates that are no Python, and stay as they are.
.venv/installed: pyproject.toml constraints.txt
	@test -d .venv || $(PYTHON) -m venv .venv || python3 -m venv .venv
	@$(BIN)/python -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || \
		{ echo "error: .venv holds another Python than 3.11; install Python 3.11, remove .venv, run make again"; exit 2; }
	@echo "Installing what constraints.txt says (a few minutes, once) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile -c constraints.txt torch
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile -c constraints.txt -e '.[dev]'
	@$(BIN)/python -m compileall -qq -j 0 "$(CURDIR)/.venv/lib" || true
	@touch $@
