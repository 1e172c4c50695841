"""The one place where a simulation is built and run.

A `Simulation` is a top module with parameters on one simulator.  `build` compiles it once for everybody: products live
under sim_build/<simulator>/<name>/<key>/, where the key is a hash of everything that went in, so a stale product is
never used, and a file lock lets concurrent pytest workers share one build.  `run` starts one process with its own
directory and turns each way in which cocotb would quietly pass (no test, no match, no results) into an error.

`python -m tb.simulation` runs one bench by hand; it is what `make sim` calls.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import difflib
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from tb import toolchain
from tb.disk import full, readable_disk_errors
from tb.toolchain import ROOT, SIMULATORS, SimulationError

if TYPE_CHECKING:
    from _pytest.mark import ParameterSet

__all__ = [
    "Outcome",
    "Ran",
    "Result",
    "Simulation",
    "SimulationError",
    "Training",
    "default_simulator",
    "main",
    "observers",
    "simulators",
    "widths",
]

SIM_BUILD = ROOT / "sim_build"
BUILD_BYTES = 256 << 20
"""Bytes that the largest build takes: with less free, a compiler that says nothing had no room to say it."""
SILENCE = "nothing was printed"
RUNS = SIM_BUILD / "runs"
"""Where runs have their directories; a job of the regression sets one of its own."""


@dataclass(frozen=True, slots=True)
class Result:
    """One cocotb test that ran and passed."""

    name: str
    sim_time_ns: float
    wall_s: float


@dataclass(frozen=True, slots=True)
class Ran:
    """What observers learn of a run: its bench, its tests that ran with whether each passed, and its directory.

    drew: the seed was the environment's, so that another one would make another run.
    """

    bench: str
    tests: tuple[tuple[str, bool], ...]
    directory: Path
    drew: bool


observers: list[Callable[[Ran], None]] = []
"""Called after every run of this process, whether it passed or not."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run left behind: its tests (all passed), its directory, its log, and its waves or None."""

    results: tuple[Result, ...]
    directory: Path
    log: Path
    waves: Path | None
    seed: int


@dataclass(frozen=True, slots=True)
class Training:
    """What a model does to show its compiler which ways its code takes: a cocotb module and its environment."""

    module: str
    env: Mapping[str, str]


@dataclass(frozen=True)
class Simulation:
    """A top module on one simulator.

    top: the module; the files that define it and what it instantiates are found by name.
    simulator: "verilator" or "icarus".
    parameters: Verilog parameters of the top (integers).
    sources: further Verilog files (relative to the repository) that win over those found by name.
    native: link the native library of tb/native (host memory, device dump, trace).
    public: a Verilator control file that names the signals Python touches; without one every signal is visible, which
        costs speed and is right for single modules.
    clocked: the top can leave its clock to Verilator's main program (FAULTLINE_CLOCKED), a quarter faster; not in a
        model that dumps waves, where the clock is to be seen.
    dumps: the design itself may dump waves (+waves_file= of sim_top), FST from Icarus and VCD from Verilator, whose
        model must be built for it.
    training: with PGO=1, Verilator's model is compiled twice, the second time by the profile of this run.
    name: directory of the products; the top's name unless told.
    timeout_s: wall-clock limit of a build or a run, in seconds.
    """

    top: str
    simulator: str = "verilator"
    parameters: Mapping[str, int] = field(default_factory=dict)
    sources: Sequence[str | Path] = ()
    defines: Mapping[str, object] = field(default_factory=dict)
    native: bool = False
    public: str | Path | None = None
    waves: bool = False
    clocked: bool = False
    dumps: bool = False
    training: Training | None = None
    name: str = ""
    timeout_s: float = 900.0

    @property
    def record_waves(self) -> bool:
        """WAVES in the environment wins over `waves`, as in cocotb."""
        return toolchain.switched_on("WAVES", self.waves)

    @property
    def built_for_waves(self) -> bool:
        """Whether what is built can dump waves."""
        return self.record_waves or (self.dumps and self.simulator == "verilator")

    @property
    def beaten(self) -> bool:
        """Whether the main program beats the clock."""
        return self.clocked and self.simulator == "verilator" and not self.built_for_waves

    @property
    def all_defines(self) -> dict[str, object]:
        """Those given, and what has the design dump waves, or leave its clock to the main program."""
        own = {"FAULTLINE_DUMPS": self.dumps, "FAULTLINE_CLOCKED": self.beaten}
        return {**self.defines, **{name: 1 for name, wanted in own.items() if wanted}}

    @property
    def trained(self) -> bool:
        """Whether the model is compiled by a profile: PGO in the environment asks for it, and waves have none."""
        able = self.training is not None and self.simulator == "verilator" and not self.record_waves
        return able and toolchain.switched_on("PGO")

    @property
    def record_coverage(self) -> bool:
        """Whether lines, expressions and toggles are counted: on Verilator, where coverage is wanted."""
        return self.simulator == "verilator" and toolchain.wants_coverage()

    def build(self) -> Path:
        """Compile unless the same inputs were compiled before.  Returns the directory of the products.

        Raises SimulationError: unknown or missing simulator, missing source, compiler failure (its first error and the
        path of its log), or a sim_build that cannot be written.
        """
        tool = toolchain.executable(self.simulator)
        files = self._files()
        headers = [path for folder in toolchain.INCLUDES for path in sorted(folder.glob("*.*vh"))]
        native = [toolchain.NATIVE_SOURCE] if self.native else []
        native += [toolchain.CLOCKED_MAIN] if self.beaten else []
        arguments = toolchain.simulator_arguments(self.simulator, self.native, self.record_coverage)
        defines = sorted(self.all_defines.items())
        facts = (self.top, self.simulator, sorted(self.parameters.items()), defines, arguments)
        tools = (str(tool), tool.stat().st_mtime_ns, version("cocotb"), toolchain.VERILATOR_MAKEFLAGS)
        trained = (self.training, toolchain.VERILATOR_TRAINING, toolchain.VERILATOR_TRAINED) if self.trained else ()
        key = toolchain.digest([*files, *headers, *native], facts, tools, self.built_for_waves, *trained)
        directory = SIM_BUILD / self.simulator / (self.name or self.top) / key
        with readable_disk_errors(directory), toolchain.locked(directory):
            if not (directory / "complete").exists():
                shutil.rmtree(directory, ignore_errors=True)
                directory.mkdir(parents=True)
                if self.trained and self.training is not None:
                    self._train(directory, files, arguments, self.training)
                    arguments = [*arguments, *toolchain.VERILATOR_TRAINED]
                self._compile(directory, files, arguments)
                (directory / "complete").touch()
        return directory

    def _files(self) -> list[Path]:
        """Every source, the top last, the control file first."""
        given = [ROOT / source for source in self.sources]
        for path in given:
            if not path.is_file():
                raise SimulationError(f"missing Verilog source {path}: check the name")
        files = toolchain.closure(self.top, given)
        control = [ROOT / self.public] if self.public is not None and self.simulator == "verilator" else []
        return [*control, *files]

    def _train(self, directory: Path, files: Sequence[Path], arguments: Sequence[str], training: Training) -> None:
        """Leave a profile beside the objects, and no object that was compiled without it."""
        self._compile(directory, files, [*arguments, *toolchain.VERILATOR_TRAINING])
        self._execute(directory, directory / "training", training.module, (), 1, (), training.env, observed=False)
        if not any(directory.glob("*.gcda")):
            raise SimulationError(f"no profile in {directory} after training: PGO=1 needs g++ as c++, leave it out")
        for pattern in ("*.o", "*.a", "*.gch", self.top):
            for path in directory.glob(pattern):
                path.unlink()

    def _compile(self, directory: Path, files: Sequence[Path], arguments: Sequence[str]) -> None:
        log = directory / "build.log"
        chosen = toolchain.make_runner(
            self.simulator,
            public_all=self.public is None,
            timeout_s=self.timeout_s,
            share_objects=not self.trained,
            clocked=self.beaten,
        )
        try:
            chosen.build(
                sources=list(files),
                includes=list(toolchain.INCLUDES),
                defines=self.all_defines,
                parameters=dict(self.parameters),
                build_args=list(arguments),
                hdl_toplevel=self.top,
                build_dir=directory,
                always=True,
                timescale=("1ns", "1ps"),
                waves=self.built_for_waves,
                log_file=log,
            )
            if self.native and self.simulator == "icarus":
                with log.open("a") as stream:
                    command = toolchain.vpi_command(directory / "hostmem.vpi")
                    subprocess.run(command, stdout=stream, stderr=subprocess.STDOUT, check=True)
        except (RuntimeError, subprocess.CalledProcessError) as error:
            said = _first_error(log)
            cause = full(directory, str(error), said, needed=BUILD_BYTES if said == SILENCE else 0)
            message = f"{self.simulator} cannot build {self.top}: {said} ({error}; see {log})"
            raise SimulationError(cause or message) from None

    def run(
        self,
        test_module: str,
        testcase: str | Sequence[str] | None = None,
        *,
        seed: int | None = None,
        plusargs: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        run_name: str = "",
    ) -> Outcome:
        """Build if needed, run the cocotb tests of a module in one process, and return only if all passed.

        testcase: names of the tests to run (a parametrised test's name selects all of its cases); None runs all.
        seed: cocotb's seed; COCOTB_RANDOM_SEED in the environment, else 1, when None.
        env: for the simulation; HOSTMEM_FILE, DEVICE_FILE and TRACE_FILE default to files in the run's directory.
        run_name: directory of the run under sim_build/runs; derived from module, testcase and pytest's test when empty.

        Raises SimulationError: no test ran, a testcase that does not exist, no results file, a test that failed (its
        name, its message, the seed and the path of the log).
        """
        wanted = [testcase] if isinstance(testcase, str) else list(testcase or ())
        product = self.build()
        directory = RUNS / self.simulator / (run_name or _run_name(self.name or self.top, test_module, wanted))
        with readable_disk_errors(directory), toolchain.locked(directory):
            return self._execute(product, directory, test_module, wanted, seed, plusargs, env or {})

    def _execute(
        self,
        product: Path,
        directory: Path,
        test_module: str,
        wanted: Sequence[str],
        given_seed: int | None,
        plusargs: Sequence[str],
        env: Mapping[str, str],
        *,
        observed: bool = True,
    ) -> Outcome:
        """Run what is in `product` once; `directory` is made anew.  observed: `observers` are told."""
        seed = given_seed if given_seed is not None else _seed_from_environment()
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True)
        log, results = directory / "sim.log", directory / "results.xml"
        waves = directory / ("waves.fst" if self.simulator == "icarus" else "waves.vcd") if self.record_waves else None
        chosen = toolchain.make_runner(self.simulator, public_all=True, timeout_s=self.timeout_s)
        extra, arguments = self._wave_arguments(waves)
        if self.dumps and self.simulator == "icarus":
            extra.append("-fst")
        if self.native and self.simulator == "icarus":
            arguments += ["-M", str(product), "-m", "hostmem"]
        if self.record_coverage:
            extra.append(f"+verilator+coverage+file+{directory / 'coverage.dat'}")
        files = {name: str(directory / file) for name, file in _RUN_FILES.items()}
        failure = ""
        try:
            chosen.test(
                test_module=test_module,
                hdl_toplevel=self.top,
                hdl_toplevel_lang="verilog",
                seed=seed,
                test_filter=rf"\.({'|'.join(map(re.escape, wanted))})(/.*)?$" if wanted else None,
                test_args=arguments,
                plusargs=[*toolchain.run_plusargs(self.simulator, seed), *plusargs, *extra],
                extra_env=toolchain.environment({**files, **env}),
                waves=self.record_waves,
                build_dir=product,
                test_dir=directory,
                results_xml=str(results),
                timescale=("1ns", "1ps"),
                log_file=log,
            )
        except (RuntimeError, SystemExit) as error:
            failure = f"simulation ended with {error}" if str(error) != "0" else "simulation ended without results"
        except ElementTree.ParseError:
            failure = "simulation ended with half a results file"
        if observed:
            ran = Ran(test_module.rpartition(".")[2], _ran(results), directory, given_seed is None)
            for observer in observers:
                observer(ran)
        return Outcome(_passed(results, log, wanted, seed, failure), directory, log, waves, seed)

    def _wave_arguments(self, waves: Path | None) -> tuple[list[str], list[str]]:
        """(plusargs, simulator arguments) that put the waves into the run's directory."""
        if waves is None:
            return [], []
        return ([f"+dumpfile_path={waves}"], []) if self.simulator == "icarus" else ([], ["--trace-file", str(waves)])


_RUN_FILES = {"HOSTMEM_FILE": "hostmem.bin", "DEVICE_FILE": "device.bin", "TRACE_FILE": "trace.bin"}


def _cases(results: Path) -> list[ElementTree.Element] | None:
    """Every test of a results file; None where there is none, or half of one."""
    try:
        return list(ElementTree.parse(results).getroot().iter("testcase"))
    except (FileNotFoundError, ElementTree.ParseError):
        return None


def _ran(results: Path) -> tuple[tuple[str, bool], ...]:
    """(name without parameters, passed) of every test of a results file that was not skipped; empty without a file."""
    cases = [case for case in _cases(results) or () if case.find("skipped") is None]
    failed = [any(child.tag in ("failure", "error") for child in case) for case in cases]
    names = [case.get("name", "?").split("/")[0].rsplit(".")[-1] for case in cases]
    return tuple((name, not bad) for name, bad in zip(names, failed, strict=True))


def _passed(results: Path, log: Path, wanted: Sequence[str], seed: int, failure: str) -> tuple[Result, ...]:
    """The tests of a results file, or a SimulationError for every way in which it is not a clean pass."""
    where = f"seed {seed}; see {log}"
    cases = _cases(results)
    if cases is None:
        said = _first_error(log)
        message = f"no results: {said} ({failure or 'the simulator stopped early'}; {where})"
        raise SimulationError(full(log.parent, failure, said) or message)
    passed: list[Result] = []
    failed: list[str] = []
    for case in cases:
        name = case.get("name", "?")
        problem = next((child for child in case if child.tag in ("failure", "error")), None)
        if problem is not None:
            failed.append(f"{name}: {_problem(problem)[:300]}")
        elif case.find("skipped") is None:
            passed.append(Result(name, _property(case, "sim_time_duration"), float(case.get("time", 0))))
    if failed:
        message = f"{len(failed)} of {len(failed) + len(passed)} tests failed: {'; '.join(failed)} ({where})"
        raise SimulationError(full(log.parent, failure, *failed) or message)
    if not passed:
        raise SimulationError(f"no test ran{': nothing matches ' + ', '.join(wanted) if wanted else ''} ({where})")
    bare = {result.name.split("/")[0].rsplit(".")[-1] for result in passed} | {result.name for result in passed}
    unmatched = [name for name in wanted if name not in bare]
    if unmatched:
        raise SimulationError(f"no such testcase: {', '.join(unmatched)} ({where})")
    if failure:
        raise SimulationError(f"every test passed but the {failure}: {_first_error(log)} ({where})")
    return tuple(passed)


def _problem(problem: ElementTree.Element) -> str:
    """What a failed test said, with the type of its exception where that is the half of it, as in KeyError: 'box'."""
    said = " ".join((problem.get("message") or problem.text or "failed").split())
    kind = (problem.get("error_type") or problem.get("type") or "").rpartition(".")[2]
    return said if not kind or kind in ("AssertionError", "SimulationError") or kind in said else f"{kind}: {said}"


def _property(case: ElementTree.Element, name: str) -> float:
    return next(float(item.get("value", 0)) for item in case.iter("property") if item.get("name") == name)


def _first_error(log: Path) -> str:
    """The first line of a log that says what went wrong, or its last line."""
    lines = log.read_text(errors="replace").splitlines() if log.is_file() else []
    words = r"(?i)(?!.*exiting due to)(?=.*(error|%warning|fatal|no space left|sorry))"
    telling = (line for line in lines if re.match(words, line))
    return " ".join(next(telling, lines[-1] if lines else SILENCE).split())[:300]


_runs: Counter[str] = Counter()


def _run_name(build: str, test_module: str, wanted: Sequence[str]) -> str:
    """By module and testcase, or by pytest's test, each of whose runs gets a directory of its own."""
    current = os.environ.get("PYTEST_CURRENT_TEST", "").split(" ")[0].replace("::", ".")
    if not current:
        return re.sub(r"[^A-Za-z0-9_.=-]+", "_", ".".join([build, test_module, *wanted]))[:180]
    _runs[current] += 1
    return re.sub(r"[^A-Za-z0-9_.=-]+", "_", f"{current}.{_runs[current]}").strip("_")[-180:]


def _seed_from_environment() -> int:
    given = os.environ.get("COCOTB_RANDOM_SEED", "1")
    try:
        return int(given)
    except ValueError:
        raise SimulationError(f"COCOTB_RANDOM_SEED={given} is not a number: give a decimal integer") from None


def simulators() -> list[ParameterSet]:
    """Both simulators as pytest parameters; a missing one is skipped with its reason, but fails where CI=true.

    SIM in the environment skips the other one.  Raises SimulationError when it names none.
    """
    import pytest  # tb must import without pytest: only tests call this

    asked = os.environ.get("SIM", "")
    if asked not in ("", *SIMULATORS):
        raise SimulationError(f"unknown simulator SIM={asked}: use one of {', '.join(SIMULATORS)}")
    params = []
    for name in SIMULATORS:
        reason = ""
        try:
            toolchain.executable(name)
        except SimulationError as error:
            reason = str(error)
        absent = bool(reason) and os.environ.get("CI", "") != "true"
        if asked not in ("", name):
            absent, reason = True, f"SIM={asked} leaves it out"
        params.append(pytest.param(name, marks=[pytest.mark.skipif(absent, reason=reason or "installed")]))
    return params


def widths() -> list[ParameterSet]:
    """64 and 512 bits of data as pytest parameters; the second one is for `make regress` (marker `regress`)."""
    import pytest

    return [pytest.param(64), pytest.param(512, marks=[pytest.mark.regress])]


def default_simulator() -> str:
    """SIM of the environment, else Verilator."""
    return os.environ.get("SIM") or "verilator"


def _find_bench(module: str, testcases: Sequence[str]) -> str:
    """The bench module to run: the one named, or the only one that defines the testcases."""
    benches = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in ROOT.glob("tests/**/bench_*.py")
    }
    if module and module not in benches:
        raise SimulationError(f"unknown MODULE={module}: {_near(module, benches)}benches are tests/**/bench_*.py")
    if not module and not testcases:
        example = "MODULE=tests.rtl.bench_fifo for tests/rtl/bench_fifo.py"
        raise SimulationError(f"say which of tests/**/bench_*.py, as {example}, or COCOTB_TESTCASE=")
    matches = [
        name
        for name, path in benches.items()
        if module in ("", name) and all(_defines(path, testcase) for testcase in testcases)
    ]
    if len(matches) != 1:
        asked = [path for name, path in benches.items() if module in ("", name)]
        wrong = [testcase for testcase in testcases if not any(_defines(path, testcase) for path in asked)]
        if matches:
            cause = f"defined in {', '.join(sorted(matches))}: say which with MODULE="
        elif wrong:
            known = {name for path in asked for name in _tests_of(path)}
            where = benches[module].relative_to(ROOT) if module else "tests/**/bench_*.py"
            cause = f"{''.join(_near(one, known) for one in wrong)}tests are the @cocotb.test functions of {where}"
        else:
            cause = "no bench defines all of them: name fewer"
        raise SimulationError(f"unknown COCOTB_TESTCASE={', '.join(wrong or testcases)}: {cause}")
    return matches[0]


def _near(word: str, known: Iterable[str]) -> str:
    """"did you mean ...? ", or nothing where nothing is near."""
    by_end = {name.rpartition(".")[2]: name for name in known}
    near = difflib.get_close_matches(word.rpartition(".")[2], by_end, n=3, cutoff=0.6)
    return f"did you mean {' or '.join(by_end[name] for name in near)}? " if near else ""


def _tests_of(path: Path) -> list[str]:
    return re.findall(r"^(?:async )?(?:def|class) ([a-z]\w*)", path.read_text(), re.MULTILINE)


def _defines(path: Path, testcase: str) -> bool:
    return re.search(rf"^(async )?(def|class) {re.escape(testcase)}\b", path.read_text(), re.MULTILINE) is not None


def _constants(module: str) -> dict[str, object]:
    """Literal assignments at a bench module's top level, read without importing it."""
    tree = ast.parse((ROOT / (module.replace(".", "/") + ".py")).read_text())
    found: dict[str, object] = {}
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            with contextlib.suppress(ValueError):
                found[node.targets[0].id] = ast.literal_eval(node.value)
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one bench; the exit status is 0 only when every test passed.

    A bench may set TOP, PARAMETERS, NATIVE and PUBLIC as literals; otherwise the whole system is its top.
    """
    parser = argparse.ArgumentParser(prog="python -m tb.simulation", description="Run one bench on one simulator.")
    parser.add_argument("--sim", default=default_simulator(), help="verilator or icarus (SIM)")
    parser.add_argument(
        "--module", default=os.environ.get("MODULE", ""), help="bench module, e.g. tests.rtl.bench_box (MODULE)"
    )
    parser.add_argument(
        "--testcase", default=os.environ.get("COCOTB_TESTCASE", ""), help="comma-separated (COCOTB_TESTCASE)"
    )
    parser.add_argument("--seed", type=int, default=None, help="random seed (COCOTB_RANDOM_SEED)")
    options = parser.parse_args(arguments)
    wanted = [name.strip() for name in options.testcase.split(",") if name.strip()]
    try:
        toolchain.executable(options.sim)
        module = _find_bench(options.module, wanted)
        simulation = _system(options.sim, _constants(module))
        outcome = simulation.run(module, wanted or None, seed=options.seed, run_name=f"by_hand/{module}")
    except SimulationError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("error: interrupted: no result, run it again", file=sys.stderr)
        return 130
    for result in outcome.results:
        print(f"passed  {result.name}  {result.sim_time_ns:.0f} ns in {result.wall_s:.2f} s")
    print(f"seed {outcome.seed}; log {outcome.log}" + (f"; waves {outcome.waves}" if outcome.waves else ""))
    return 0


def _system(simulator: str, constants: Mapping[str, object]) -> Simulation:
    top = str(constants.get("TOP", "sim_top"))
    parameters = constants.get("PARAMETERS", {})
    public = constants.get("PUBLIC", "tb/hdl/sim_top.vlt" if top == "sim_top" else None)
    if not isinstance(parameters, dict):
        raise SimulationError("PARAMETERS of a bench must be a dictionary of integers")
    native = bool(constants.get("NATIVE", top == "sim_top"))
    control = None if public is None else str(public)
    return Simulation(top, simulator, parameters, native=native, public=control, clocked=top == "sim_top")


if __name__ == "__main__":
    sys.exit(main())
