/* The main program of sim_top on Verilator: its clock, and Python's turns between the edges.
 *
 * Why: cocotb's own main program evaluates the model at every edge, and leaves the clock to Verilator's scheduler of
 * delays: a quarter of all time. Here a clock cycle is one evaluation, at its rising edge: `tick` rises,
 * the model takes it back itself (sim_top.sv), and `clk`, which Python alone sees, is written like any variable. Nothing in
 * the design happens at a falling edge, so it costs an evaluation only where Python wrote a pin there.
 *
 * In each moment Python's callbacks come in the order of cocotb's share/lib/verilator/verilator.cpp: the new time, timers,
 * evaluation and changes of values until nothing changes, read-write, read-only. So a bench sees the same cycles with
 * either; tests/system/test_clock.py holds them to it.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

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

/* A variable of the top module. */
template <typename Word> static Word *variable(const char *name) {
    const VerilatedScope *top = Verilated::threadContextp()->scopeFind("sim_top");
    const VerilatedVar *found = top ? top->varFind(name) : nullptr;
    if (!found) {
        fprintf(stderr, "Error: sim_top shows no variable %s\n", name);
        exit(1);
    }
    return (Word *)found->datap();
}

/* -------------------------------------------------------------------------------------------- register accesses
 *
 * Python may have an access to a register performed here instead of moving the pins itself: with one turn an access, not
 * five. It asks by register_access, waits until `access_done` changes, and fetches the answer by register_answer (ctypes).
 * It is what CsrMaster of tb/agents/csr/driver.py does, edge for edge; one at a time. */

static const int PATIENCE = 1000;   /* cycles that a handshake may take */
enum { OKAY = 0, NOT_ACCEPTED = 4, NO_RESPONSE = 5 };

static struct {
    enum { IDLE, ASKED, OFFERED, TAKEN } state;
    bool write, address_waits, data_waits;
    uint16_t address;
    uint32_t value, response;
    int left;
} access_;

static struct {
    uint8_t *awvalid, *awready, *wvalid, *wready, *bvalid, *bresp, *arvalid, *arready, *rvalid, *rresp, *done;
    uint16_t *awaddr, *araddr;
    uint32_t *wdata, *rdata;
} pins;

extern "C" {
void register_access(int write, uint32_t address, uint32_t value) {
    access_.write = write;
    access_.address = (uint16_t)address;
    access_.value = value;
    access_.state = access_.ASKED;
}

/* {response, value read} */
uint64_t register_answer(void) { return (uint64_t)access_.response << 32 | access_.value; }
}

static void connect() {
    pins = {variable<uint8_t>("s_axil_awvalid"), variable<uint8_t>("s_axil_awready"), variable<uint8_t>("s_axil_wvalid"),
            variable<uint8_t>("s_axil_wready"),  variable<uint8_t>("s_axil_bvalid"),  variable<uint8_t>("s_axil_bresp"),
            variable<uint8_t>("s_axil_arvalid"), variable<uint8_t>("s_axil_arready"), variable<uint8_t>("s_axil_rvalid"),
            variable<uint8_t>("s_axil_rresp"),   variable<uint8_t>("access_done"),    variable<uint16_t>("s_axil_awaddr"),
            variable<uint16_t>("s_axil_araddr"), variable<uint32_t>("s_axil_wdata"),  variable<uint32_t>("s_axil_rdata")};
}

static void answer(uint32_t response, uint32_t value) {
    access_.response = response;
    access_.value = value;
    access_.state = access_.IDLE;
    *pins.done = !*pins.done;
}

/* At a falling edge, before the model is evaluated. */
static void access_step() {
    if (access_.state == access_.ASKED) {
        access_.address_waits = true;
        access_.data_waits = access_.write;
        if (access_.write) {
            *pins.awaddr = access_.address;
            *pins.wdata = access_.value;
            *pins.awvalid = *pins.wvalid = 1;
        } else {
            *pins.araddr = access_.address;
            *pins.arvalid = 1;
        }
        access_.state = access_.OFFERED;
        access_.left = PATIENCE;
        return;
    }
    if (access_.state == access_.OFFERED) {
        if (!access_.address_waits) *(access_.write ? pins.awvalid : pins.arvalid) = 0;
        if (!access_.data_waits) *pins.wvalid = 0;
        if (access_.address_waits || access_.data_waits) {
            if (!--access_.left) answer(NOT_ACCEPTED, 0);
            return;
        }
        access_.state = access_.TAKEN;
        access_.left = PATIENCE;
    }
    if (*(access_.write ? pins.bvalid : pins.rvalid)) {
        const uint32_t response = *(access_.write ? pins.bresp : pins.rresp);
        answer(response, access_.write || response != OKAY ? 0 : *pins.rdata);
    } else if (!access_.left--)
        answer(NO_RESPONSE, 0);
}

/* At a falling edge, when the pins have settled: what is taken at the coming rising edge? */
static void access_look() {
    if (access_.state == access_.OFFERED) {
        access_.address_waits &= !*(access_.write ? pins.awready : pins.arready);
        access_.data_waits &= !*pins.wready;
    }
}

/* ------------------------------------------------------------------------------------------------------ the clock */

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

    uint8_t *const clk = variable<uint8_t>("clk"), *const tick = variable<uint8_t>("tick");
    connect();
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
        const bool accesses = beats && !*clk && access_.state != access_.IDLE;
        if (accesses) access_step();
        if (!beats || *clk || accesses || VerilatedVpi::evalNeeded()) {
            model->eval_step();
            VerilatedVpi::clearEvalNeeded();
        }
        if (accesses) access_look();
        if (!quiet || told || changes()) told = react(model.get(), told || quiet);
        quiet = !told;
    }
    model->final();
    end();
    return Verilated::threadContextp()->errorCount() > 0;
}
