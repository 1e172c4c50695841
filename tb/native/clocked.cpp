/* The main program of sim_top on Verilator: its clock, and Python's turns between the edges.
 *
 * Why: cocotb's own main program evaluates the model at every edge, and leaves the clock to Verilator's scheduler of
 * delays, which takes as long as the engine itself. Here a clock cycle is one evaluation, at its rising edge: `tick` rises,
 * the model takes it back itself (sim_top.sv), and `clk`, which Python alone sees, is written like any variable. Nothing in
 * the design happens at a falling edge, so it costs an evaluation only where Python wrote a pin there.
 *
 * In each moment Python's callbacks come in the order of cocotb's share/lib/verilator/verilator.cpp: the new time, timers,
 * evaluation and changes of values until nothing changes, read-write, read-only. So a bench sees the same cycles with
 * either; tests/test_clocked.py holds them to it.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <memory>

#include "Vtop.h"
#include "verilated.h"
#include "verilated_sym_props.h"
#include "verilated_syms.h"
#include "verilated_vpi.h"
#if VM_COVERAGE
#include "verilated_cov.h"
#endif

static const uint64_t HALF_PERIOD = 2000; /* steps of 1 ps: edge n rises at (2n + 1) half periods */

static uint64_t now;

double sc_time_stamp() { return (double)now; }

extern "C" void vlog_startup_routines_bootstrap(void);

/* A variable of one bit of the top module. */
static uint8_t *variable(const char *name) {
    const VerilatedScope *top = Verilated::threadContextp()->scopeFind("sim_top");
    const VerilatedVar *found = top ? top->varFind(name) : nullptr;
    if (!found) {
        fprintf(stderr, "Error: sim_top has no variable %s that can be written\n", name);
        exit(1);
    }
    return (uint8_t *)found->datap();
}

static void end() {
    VerilatedVpi::callCbs(cbEndOfSimulation);
#if VM_COVERAGE
    VerilatedCov::write();
#endif
}

/* Tell Python of changed values until none changes; returns whether there were any. */
static bool changes() {
    bool told = false;
    while (VerilatedVpi::callValueCbs()) told = true;
    return told;
}

/* After an evaluation: Python's turns, and evaluations of what it wrote in them, until nothing more changes. Returns whether
 * it had a turn; `told`: it had one before. */
static bool react(Vtop *model, bool told) {
    VerilatedVpi::doInertialPuts();
    told |= changes();
    for (;;) {
        while (VerilatedVpi::evalNeeded()) {
            model->eval_step();
            VerilatedVpi::clearEvalNeeded();
            VerilatedVpi::doInertialPuts();
            told |= changes();
        }
        told |= VerilatedVpi::callCbs(cbReadWriteSynch);
        VerilatedVpi::doInertialPuts();
        told |= changes();
        if (!VerilatedVpi::evalNeeded()) return VerilatedVpi::callCbs(cbReadOnlySynch) || told;
    }
}

int main(int argc, char **argv) {
    Verilated::commandArgs(argc, argv);
    std::unique_ptr<Vtop> model(new Vtop(""));
    Verilated::fatalOnVpiError(false);
    vlog_startup_routines_bootstrap();
    Verilated::addExitCb([](void *) { end(); }, nullptr);
    VerilatedVpi::callCbs(cbStartOfSimulation);
    changes();
    model->eval_step();
    VerilatedVpi::clearEvalNeeded();
    react(model.get(), true);

    uint8_t *const clk = variable("clk"), *const tick = variable("tick");
    uint64_t edge = HALF_PERIOD;
    bool quiet = false; /* Python had no turn in the moment before: it waits for values and timers that were there then */
    while (!Verilated::gotFinish()) {
        const uint64_t due = VerilatedVpi::cbNextDeadline();
        const bool beats = edge <= due;
        now = beats ? edge : due;
        bool told = false;
        if (!quiet || due <= now) {
            told |= VerilatedVpi::callCbs(cbNextSimTime);
            told |= changes();
            told |= VerilatedVpi::callCbs(cbAfterDelay);
            told |= changes();
        }
        if (beats) {
            edge += HALF_PERIOD;
            *tick = *clk = !*clk;
        }
        if (!beats || *clk || VerilatedVpi::evalNeeded()) {
            model->eval_step();
            VerilatedVpi::clearEvalNeeded();
        }
        if (!quiet || told || changes()) told = react(model.get(), told || quiet);
        quiet = !told;
    }
    model->final();
    end();
    return Verilated::threadContextp()->errorCount() > 0;
}
