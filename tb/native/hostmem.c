/* hostmem: the simulator's side of what Python and Verilog share - host memory, device dumps and the trace.
 *
 * Why: Python per beat costs a factor of hundreds. Host memory is one memory-mapped file that Python sees as an array,
 * so a beat is one call into this library and nothing is copied to look at it.
 *
 * One source, two front ends: DPI-C functions for Verilator, system tasks of the same names ($hostmem_read ...) for
 * Icarus when compiled with -DHOSTMEM_VPI. Data is little endian, lane 0 first; widths are 8 to 64 bytes.
 *
 *   HOSTMEM_FILE  host memory, made by Python before reset ends; opened again at every reset
 *   HOSTMEM_FILE.pages    a byte a page, not 0 where somebody owns it (models/memory.py); without it all are owned
 *   HOSTMEM_FILE.written  a bit a byte, 1 where it was ever written; without it nobody keeps count
 *   DEVICE_FILE   bytes of device memory as of the last dump
 *   TRACE_FILE    32-byte events (struct event below, `tb/trace.py` has the same layout)
 *
 * Writes are held back: hostmem_stage collects the beats of one burst, hostmem_close parks it in a slot, and only
 * hostmem_commit, when its response is given, makes the bytes visible. Who looks before the response sees the old bytes.
 *
 * Errors: what a caller cannot have meant (no file at access, an address outside, no disk space) prints one line and
 * aborts, so that no results file is written and the run fails. The Verilog checks ranges first and counts bad accesses.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#ifdef __cplusplus
#define EXPORT extern "C"
#else
#define EXPORT
#endif

enum { PAGE = 4096, MAX_BYTES = 64, MAX_BEATS = 256, SLOTS = 8192, TRACE_EVENTS = 2048 };

static void fail(const char *what, const char *path) {
    fprintf(stderr, "Error: hostmem: %s %s: %s\n", what, path ? path : "(its variable is not set)",
            errno ? strerror(errno) : "not possible");
    fflush(NULL);
    abort();
}

/* ------------------------------------------------------------------------------------------------ host memory */

struct beat {
    uint64_t address;
    uint64_t strobe;
    uint8_t data[MAX_BYTES];
};

struct burst {
    struct beat *beats;
    int count, bytes, room;
};

static uint8_t *host;
static uint64_t host_size;
static struct burst open_burst, parked[SLOTS];
static uint8_t *owned;                  /* a byte a page */
static uint8_t *written;                /* a bit a byte */
static uint8_t *told;                   /* a byte a page: an unwritten byte was read and reported there */

/* Map the file beside host memory that has `size` bytes; NULL when there is none of that size. */
static uint8_t *map_beside(const char *path, const char *suffix, uint64_t size) {
    char name[4096];
    struct stat state;
    if (snprintf(name, sizeof name, "%s%s", path, suffix) >= (int)sizeof name)
        return NULL;
    int file = open(name, O_RDWR);
    if (file < 0)
        return NULL;
    void *map = NULL;
    if (fstat(file, &state) == 0 && (uint64_t)state.st_size == size) {
        map = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
        if (map == MAP_FAILED)
            fail("cannot map", name);
    }
    close(file);
    return (uint8_t *)map;
}

static void unmap_all(void) {
    if (host)
        munmap(host, host_size);
    if (owned)
        munmap(owned, host_size / PAGE);
    if (written)
        munmap(written, host_size / 8);
    free(told);
    host = owned = written = told = NULL;
    host_size = 0;
}

/* Map the file of HOSTMEM_FILE and those beside it, forget every write that was held back, and return its size; 0 when
 * there is none. */
EXPORT uint64_t hostmem_open(void) {
    const char *path = getenv("HOSTMEM_FILE");
    struct stat state;
    unmap_all();
    open_burst.count = 0;
    for (int slot = 0; slot < SLOTS; slot++)
        parked[slot].count = 0;
    int file = path ? open(path, O_RDWR) : -1;
    if (file < 0)
        return 0;
    if (fstat(file, &state) == 0 && state.st_size >= 4096) {
        void *map = mmap(NULL, (size_t)state.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
        if (map == MAP_FAILED)
            fail("cannot map", path);
        host = (uint8_t *)map;
        host_size = (uint64_t)state.st_size;
        owned = map_beside(path, ".pages", host_size / PAGE);
        written = map_beside(path, ".written", host_size / 8);
        if (written && !(told = (uint8_t *)calloc(host_size / PAGE, 1)))
            fail("no memory for", path);
    }
    close(file);
    return host_size;
}

static uint8_t *at(uint64_t address, uint64_t bytes) {
    if (address > host_size || bytes > host_size - address) {
        errno = EFAULT;
        fail("access outside of", getenv("HOSTMEM_FILE"));
    }
    return host + address;
}

/* Whether every page that [address, address + bytes), inside of host memory, touches has an owner. */
EXPORT int hostmem_owned(uint64_t address, uint64_t bytes) {
    if (owned && bytes)
        for (uint64_t page = address / PAGE; page <= (address + bytes - 1) / PAGE; page++)
            if (page >= host_size / PAGE || !owned[page])
                return 0;
    return 1;
}

/* Of the lanes of the word at `address`, the mask of those that were never written; 0 also when nobody keeps count. */
EXPORT uint64_t hostmem_unwritten(uint64_t address, int bytes, uint64_t lanes) {
    uint64_t missing = 0;
    if (written) {
        at(address, bytes);
        for (int part = 0; part < bytes / 8; part++)
            missing |= (uint64_t)(uint8_t)~written[address / 8 + part] << 8 * part;
    }
    return missing & lanes;
}

/* Whether this page's unwritten bytes are told of for the first time. */
EXPORT int hostmem_tell(uint64_t address) {
    int first = told && !told[address / PAGE];
    if (told)
        told[address / PAGE] = 1;
    return first;
}

static void read_bytes(uint64_t address, int bytes, void *data) { memcpy(data, at(address, bytes), bytes); }

static void stage_bytes(uint64_t address, int bytes, const void *data, uint64_t strobe) {
    struct burst *burst = &open_burst;
    if (burst->count == burst->room) {
        burst->room = burst->room ? 2 * burst->room : 32;
        burst->beats = (struct beat *)realloc(burst->beats, burst->room * sizeof *burst->beats);
        if (!burst->beats || burst->count >= MAX_BEATS)
            fail("burst too long for", getenv("HOSTMEM_FILE"));
    }
    struct beat *beat = &burst->beats[burst->count++];
    burst->bytes = bytes;
    beat->address = address;
    beat->strobe = strobe;
    memcpy(beat->data, data, bytes);
}

static struct burst *slot_of(unsigned slot) {
    if (slot >= SLOTS)
        fail("no such write slot in", getenv("HOSTMEM_FILE"));
    return &parked[slot];
}

/* Park the collected burst in a slot. */
EXPORT void hostmem_close(unsigned slot) {
    struct burst *to = slot_of(slot), swap = *to;
    *to = open_burst;
    open_burst = swap;
    open_burst.count = 0;
}

/* Forget the collected burst: its response will be an error, or never come. */
EXPORT void hostmem_drop(void) { open_burst.count = 0; }

/* Make a parked burst visible. */
EXPORT void hostmem_commit(unsigned slot) {
    struct burst *burst = slot_of(slot);
    const uint64_t full = burst->bytes == 64 ? ~UINT64_C(0) : (UINT64_C(1) << burst->bytes) - 1;
    for (int i = 0; i < burst->count; i++) {
        const struct beat *beat = &burst->beats[i];
        uint8_t *to = at(beat->address, burst->bytes);
        if (beat->strobe == full)
            memcpy(to, beat->data, burst->bytes);
        else
            for (int lane = 0; lane < burst->bytes; lane++)
                if (beat->strobe >> lane & 1)
                    to[lane] = beat->data[lane];
        if (written)
            for (int part = 0; part < burst->bytes / 8; part++)
                written[beat->address / 8 + part] |= (uint8_t)(beat->strobe >> 8 * part);
    }
    burst->count = 0;
}

/* ----------------------------------------------------------------------------------------------- device dumps */

static uint8_t *device;
static uint64_t device_size;

/* Begin a dump of `bytes` bytes into DEVICE_FILE. */
EXPORT void device_open(uint64_t bytes) {
    const char *path = getenv("DEVICE_FILE");
    int file = path ? open(path, O_RDWR | O_CREAT | O_TRUNC, 0600) : -1;
    if (file < 0 || ftruncate(file, (off_t)bytes))
        fail("cannot write", path);
    device_size = bytes;
    void *map = mmap(NULL, (size_t)bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (map == MAP_FAILED)
        fail("cannot map", path);
    device = (uint8_t *)map;
    close(file);
}

static void device_bytes(uint64_t offset, int bytes, const void *data) {
    if (!device || offset + bytes > device_size)
        fail("dump outside of", getenv("DEVICE_FILE"));
    memcpy(device + offset, data, bytes);
}

/* End the dump: the file now holds it. */
EXPORT void device_close(void) {
    if (device)
        munmap(device, device_size);
    device = NULL;
}

/* ------------------------------------------------------------------------------------------------------ trace */

struct event {
    uint64_t cycle, address;
    uint32_t tag;
    uint16_t length;
    uint8_t queue, detail;
    uint32_t value;
    uint16_t cause;
    uint8_t kind, id;
};

static struct event events[TRACE_EVENTS];
static int event_count, trace_file = -1;

/* Write what is buffered; the driver's events go to the end of the same file (tb/driver_trace.py). */
EXPORT void trace_flush(void) {
    const char *from = (const char *)events;
    size_t left = event_count * sizeof *events;
    while (left) {
        ssize_t done = write(trace_file, from, left);
        if (done < 0)
            fail("cannot write", getenv("TRACE_FILE"));
        from += done;
        left -= (size_t)done;
    }
    event_count = 0;
}

/* Begin a file; no driver acts before the first event, which is a reset. */
static void trace_open(void) {
    const char *path = getenv("TRACE_FILE");
    if (path)
        trace_file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600);
    if (trace_file < 0)
        fail("cannot write", path);
    atexit(trace_flush);
}

/* Append one event; `kind` is kind | queue << 8 | detail << 9. */
EXPORT void trace_event(uint64_t cycle, uint64_t address, uint32_t tag, uint32_t length, uint32_t value, uint32_t cause,
                        uint32_t kind, uint32_t id) {
    if (trace_file < 0)
        trace_open();
    struct event *event = &events[event_count++];
    event->cycle = cycle;
    event->address = address;
    event->tag = tag;
    event->length = (uint16_t)length;
    event->queue = (uint8_t)(kind >> 8 & 1);
    event->detail = (uint8_t)(kind >> 9);
    event->value = value;
    event->cause = (uint16_t)cause;
    event->kind = (uint8_t)kind;
    event->id = (uint8_t)id;
    if (event_count == TRACE_EVENTS)
        trace_flush();
}

/* ------------------------------------------------------------------------------------------------- front ends */

#ifndef HOSTMEM_VPI
#include "svdpi.h"

EXPORT void hostmem_read(uint64_t address, int bytes, svBitVecVal *data) { read_bytes(address, bytes, data); }

EXPORT void hostmem_stage(uint64_t address, int bytes, const svBitVecVal *data, uint64_t strobe) {
    stage_bytes(address, bytes, data, strobe);
}

EXPORT void device_put(uint64_t offset, int bytes, const svBitVecVal *data) { device_bytes(offset, bytes, data); }

#else
#include <vpi_user.h>

enum { MAX_ARGUMENTS = 8 };

struct call {
    int count;
    vpiHandle argument[MAX_ARGUMENTS];
    int words[MAX_ARGUMENTS];
};

/* The argument handles of this call, looked up once: iterating over them in every call is slow. */
static struct call *arguments(void) {
    vpiHandle site = vpi_handle(vpiSysTfCall, NULL), argument;
    struct call *call = (struct call *)vpi_get_userdata(site);
    if (call)
        return call;
    call = (struct call *)calloc(1, sizeof *call);
    vpiHandle all = vpi_iterate(vpiArgument, site);
    while (all && (argument = vpi_scan(all)))
        if (call->count < MAX_ARGUMENTS) {
            call->argument[call->count] = argument;
            call->words[call->count++] = (vpi_get(vpiSize, argument) + 31) / 32;
        }
    vpi_put_userdata(site, call);
    return call;
}

/* An argument's bits; X and Z give 0. At most 16 words. */
static void get_words(struct call *call, int index, uint32_t *words) {
    s_vpi_value value;
    value.format = vpiVectorVal;
    vpi_get_value(call->argument[index], &value);
    for (int i = 0; i < call->words[index]; i++)
        words[i] = (uint32_t)(value.value.vector[i].aval & ~value.value.vector[i].bval);
}

static uint64_t get(struct call *call, int index) {
    uint32_t words[MAX_BYTES / 4] = {0};
    get_words(call, index, words);
    return words[0] | (uint64_t)words[1] << 32;
}

static void put_words(struct call *call, int index, const uint32_t *words) {
    s_vpi_vecval vector[MAX_BYTES / 4];
    s_vpi_value value;
    for (int i = 0; i < call->words[index]; i++) {
        vector[i].aval = (PLI_INT32)words[i];
        vector[i].bval = 0;
    }
    value.format = vpiVectorVal;
    value.value.vector = vector;
    vpi_put_value(call->argument[index], &value, NULL, vpiNoDelay);
}

#define TASK(name) static PLI_INT32 task_##name(PLI_BYTE8 *unused)

TASK(hostmem_open) {
    uint64_t size = hostmem_open();
    uint32_t words[2] = {(uint32_t)size, (uint32_t)(size >> 32)};
    (void)unused;
    put_words(arguments(), 0, words);
    return 0;
}

TASK(hostmem_read) {
    struct call *call = arguments();
    uint32_t words[MAX_BYTES / 4];
    (void)unused;
    read_bytes(get(call, 0), 4 * call->words[2], words);   /* the width says what DPI is told */
    put_words(call, 2, words);
    return 0;
}

TASK(hostmem_owned) {
    struct call *call = arguments();
    uint32_t word = (uint32_t)hostmem_owned(get(call, 0), get(call, 1));
    (void)unused;
    put_words(call, 2, &word);
    return 0;
}

TASK(hostmem_unwritten) {
    struct call *call = arguments();
    uint64_t mask = hostmem_unwritten(get(call, 0), (int)get(call, 1), get(call, 2));
    uint32_t words[2] = {(uint32_t)mask, (uint32_t)(mask >> 32)};
    (void)unused;
    put_words(call, 3, words);
    return 0;
}

TASK(hostmem_tell) {
    struct call *call = arguments();
    uint32_t word = (uint32_t)hostmem_tell(get(call, 0));
    (void)unused;
    put_words(call, 1, &word);
    return 0;
}

TASK(hostmem_stage) {
    struct call *call = arguments();
    uint32_t words[MAX_BYTES / 4];
    (void)unused;
    get_words(call, 2, words);
    stage_bytes(get(call, 0), 4 * call->words[2], words, get(call, 3));
    return 0;
}

TASK(hostmem_close) {
    (void)unused;
    hostmem_close((unsigned)get(arguments(), 0));
    return 0;
}

TASK(hostmem_drop) {
    (void)unused;
    hostmem_drop();
    return 0;
}

TASK(hostmem_commit) {
    (void)unused;
    hostmem_commit((unsigned)get(arguments(), 0));
    return 0;
}

TASK(device_open) {
    (void)unused;
    device_open(get(arguments(), 0));
    return 0;
}

TASK(device_put) {
    struct call *call = arguments();
    uint32_t words[MAX_BYTES / 4];
    (void)unused;
    get_words(call, 2, words);
    device_bytes(get(call, 0), 4 * call->words[2], words);
    return 0;
}

TASK(device_close) {
    (void)unused;
    device_close();
    return 0;
}

TASK(trace_flush) {
    (void)unused;
    trace_flush();
    return 0;
}

TASK(trace_event) {
    struct call *call = arguments();
    (void)unused;
    trace_event(get(call, 0), get(call, 1), (uint32_t)get(call, 2), (uint32_t)get(call, 3), (uint32_t)get(call, 4),
                (uint32_t)get(call, 5), (uint32_t)get(call, 6), (uint32_t)get(call, 7));
    return 0;
}

static void enter(const char *name, PLI_INT32 (*task)(PLI_BYTE8 *)) {
    s_vpi_systf_data data;
    memset(&data, 0, sizeof data);
    data.type = vpiSysTask;
    data.tfname = (PLI_BYTE8 *)name;
    data.calltf = task;
    vpi_register_systf(&data);
}

static void register_tasks(void) {
    enter("$hostmem_open", task_hostmem_open);
    enter("$hostmem_read", task_hostmem_read);
    enter("$hostmem_owned", task_hostmem_owned);
    enter("$hostmem_unwritten", task_hostmem_unwritten);
    enter("$hostmem_tell", task_hostmem_tell);
    enter("$hostmem_stage", task_hostmem_stage);
    enter("$hostmem_close", task_hostmem_close);
    enter("$hostmem_drop", task_hostmem_drop);
    enter("$hostmem_commit", task_hostmem_commit);
    enter("$device_open", task_device_open);
    enter("$device_put", task_device_put);
    enter("$device_close", task_device_close);
    enter("$trace_flush", task_trace_flush);
    enter("$trace_event", task_trace_event);
}

void (*vlog_startup_routines[])(void) = {register_tasks, NULL};
#endif
