// axi_memory: an AXI4 slave whose storage is the host memory that Python sees as an array.
//
// Why: the engine needs a host that is as fast, as slow and as unkind as a test wants, without Python on the data path.
// The knobs below are variables that Python writes at any time, e.g. `dut.memory.read_latency.value = 40`; those of the
// past apply to bursts accepted in the past.
//
// Latency     read_latency: a read accepted in cycle t gives its first beat in cycle t + L at the earliest;
//             write_latency: a write whose last beat came in cycle t is answered in cycle t + L at the earliest. L of 0
//             counts as 1. `jitter` adds 0 to jitter cycles, a new draw for every burst; with `long_tail` it adds jitter + 1
//             more with probability 1/2, and again, at most 16 times (geometric). `far` cycles come on top with
//             probability far_random / 256 (bimodal).
// Throughput  a beat a cycle on R and W at once, bursts back to back; up to 2^DEPTH_LOG2 of each kind outstanding.
// Ordering    one ID in order; all in order of acceptance unless `reorder`, which picks among the IDs that are due.
//             A write becomes visible in host memory when its response is first shown, not before.
// Errors      an access outside of host memory answers DECERR, is not performed, and counts in bad_accesses: the test
//             must fail. With `poison` the same holds for a page that nobody owns (poisoned_accesses), injected fault or
//             not; a write whose page has lost its owner by the time it becomes visible counts too, and is performed.
//             With `track` a read beat that asks for bytes that nobody ever wrote counts in unwritten_reads; one line a
//             page. A read asks for every byte from its address to the end of its last beat.
//             Injected: a window whose bursts answer error_response, or are never answered (mute). A write with an
//             injected error or mute is not performed; reads of either kind give no bytes of the memory.
// Random      one xorshift64 generator, loaded from `seed` in reset, so both simulators draw the same.
// Bursts are treated as INCR; axi_checker reports any other kind.
`default_nettype none
// A model, not hardware: one process with blocking assignments, and knobs that only Python writes.
// verilator lint_off BLKSEQ
// verilator lint_off PROCASSINIT
// verilator lint_off UNUSEDSIGNAL

module axi_memory #(
    // width of the data bus in bits: 64, 128, 256 or 512
    parameter DATA_W     = 64,
    // width of the addresses in bits, at most 64
    parameter ADDR_W     = 64,
    // width of the IDs in bits, at most 4
    parameter ID_W       = 4,
    // log2 of the bursts of each kind that may be outstanding, 1 to 8
    parameter DEPTH_LOG2 = 8
) (
    input  wire                clk_i,
    input  wire                rst_ni,   // synchronous, active low

    input  wire [ID_W-1:0]     s_axi_awid,
    input  wire [ADDR_W-1:0]   s_axi_awaddr,
    input  wire [7:0]          s_axi_awlen,
    input  wire [2:0]          s_axi_awsize,
    input  wire                s_axi_awvalid,
    output reg                 s_axi_awready,
    input  wire [DATA_W-1:0]   s_axi_wdata,
    input  wire [DATA_W/8-1:0] s_axi_wstrb,
    input  wire                s_axi_wlast,
    input  wire                s_axi_wvalid,
    output reg                 s_axi_wready,
    output reg  [ID_W-1:0]     s_axi_bid,
    output reg  [1:0]          s_axi_bresp,
    output reg                 s_axi_bvalid,
    input  wire                s_axi_bready,
    input  wire [ID_W-1:0]     s_axi_arid,
    input  wire [ADDR_W-1:0]   s_axi_araddr,
    input  wire [7:0]          s_axi_arlen,
    input  wire [2:0]          s_axi_arsize,
    input  wire                s_axi_arvalid,
    output reg                 s_axi_arready,
    output reg  [ID_W-1:0]     s_axi_rid,
    output reg  [DATA_W-1:0]   s_axi_rdata,
    output reg  [1:0]          s_axi_rresp,
    output reg                 s_axi_rlast,
    output reg                 s_axi_rvalid,
    input  wire                s_axi_rready
);
    `include "native.svh"

    localparam [31:0] BYTES = DATA_W / 8;
    localparam [63:0] LANES = {32'd0, BYTES} - 64'd1;    // address bits inside a word
    localparam DEPTH = 1 << DEPTH_LOG2;
    localparam IDS   = 1 << ID_W;
    localparam READ  = 1'b0;
    localparam WRITE = 1'b1;
    localparam [1:0] OKAY   = 2'd0;
    localparam [1:0] DECERR = 2'd3;

    // ------------------------------------------------------------------------------------------------- knobs
    reg [15:0] read_latency   = 16'd13;
    reg [15:0] write_latency  = 16'd13;
    reg [15:0] read_limit     = DEPTH;      // bursts accepted and not yet answered; 0 accepts none
    reg [15:0] write_limit    = DEPTH;
    reg        reorder        = 1'b0;
    reg [15:0] jitter         = 16'd0;
    reg        long_tail      = 1'b0;
    reg [15:0] far            = 16'd0;
    reg [7:0]  far_random     = 8'd0;
    reg        poison         = 1'b0;       // pages without an owner must not be touched
    reg        track          = 1'b0;       // bytes that were never written must not be read
    reg [63:0] seed           = 64'd1;      // not 0

    // A channel stalls the first `on` of every `period` cycles, and any cycle with probability `random` / 256.
    // AR, AW, W: READY is withheld. R, B: VALID comes later (it is never taken back).
    reg [15:0] ar_stall_on = 0, r_stall_on = 0, aw_stall_on = 0, w_stall_on = 0, b_stall_on = 0;
    reg [15:0] ar_stall_period = 0, r_stall_period = 0, aw_stall_period = 0, w_stall_period = 0, b_stall_period = 0;
    reg [7:0]  ar_stall_random = 0, r_stall_random = 0, aw_stall_random = 0, w_stall_random = 0, b_stall_random = 0;

    // Evaluated only when a knob changes: whether any cycle needs a random draw, or a stall pattern its phase.
    wire draws  = reorder || jitter != 0 || long_tail || far_random != 0
                  || |{ar_stall_random, r_stall_random, aw_stall_random, w_stall_random, b_stall_random};
    wire stalls = |{ar_stall_random, r_stall_random, aw_stall_random, w_stall_random, b_stall_random,
                    ar_stall_on, r_stall_on, aw_stall_on, w_stall_on, b_stall_on};

    // Bursts that touch [base, base + bytes) and are of the chosen kind: all of them, or only the nth since either
    // error_read or error_write was last 0 (1 is the first; 0 means all).
    reg [63:0] error_base     = 64'd0;
    reg [63:0] error_bytes    = 64'd0;
    reg        error_read     = 1'b0;
    reg        error_write    = 1'b0;
    reg [1:0]  error_response = 2'd2;       // 2 SLVERR, 3 DECERR
    reg [31:0] error_nth      = 32'd0;
    reg [63:0] mute_base      = 64'd0;
    reg [63:0] mute_bytes     = 64'd0;
    reg        mute_read      = 1'b0;
    reg        mute_write     = 1'b0;

    // ----------------------------------------------------------------------------------- what Python may read
    reg [63:0] host_bytes       = 64'd0;    // size of host memory, 0 when HOSTMEM_FILE could not be opened
    reg [31:0] bad_accesses     = 32'd0;    // bursts outside of host memory, ever; each is printed
    reg [31:0] poisoned_accesses = 32'd0;   // bursts that touch a page without an owner, ever; each is printed
    reg [31:0] unwritten_reads  = 32'd0;    // read beats that deliver bytes that were never written, ever
    reg [31:0] errors_injected  = 32'd0;
    reg [31:0] bursts_muted     = 32'd0;
    reg [31:0] reads_pending    = 32'd0;
    reg [31:0] writes_pending   = 32'd0;
    reg [31:0] beats_refused    = 32'd0;    // cycles in which a read beat was offered and not taken

    // ------------------------------------------------------------- bursts that wait for their answer, an ID at a time
    // Index: {kind, ID, place}. A burst's entry stays until its last answer beat has been driven.
    localparam ENTRIES = 2 * IDS * DEPTH;

    reg [63:0]           entry_address [0:ENTRIES-1];
    reg [63:0]           entry_due     [0:ENTRIES-1];
    reg [63:0]           entry_order   [0:ENTRIES-1];
    reg [7:0]            entry_len     [0:ENTRIES-1];
    reg [2:0]            entry_size    [0:ENTRIES-1];
    reg [1:0]            entry_resp    [0:ENTRIES-1];
    reg [31:0]           entry_slot    [0:ENTRIES-1];
    reg [DEPTH_LOG2-1:0] head [0:2*IDS-1];
    reg [DEPTH_LOG2:0]   held [0:2*IDS-1];      // entries of an ID
    integer              highest;               // highest ID seen, so that a scan is short

    // Write addresses whose data have not come yet, in order.
    reg [ADDR_W-1:0]     open_address [0:DEPTH-1];
    reg [ID_W-1:0]       open_id      [0:DEPTH-1];
    reg [2:0]            open_size    [0:DEPTH-1];
    reg [7:0]            open_len     [0:DEPTH-1];
    reg [DEPTH_LOG2-1:0] open_head;
    reg [DEPTH_LOG2:0]   open_count;

    reg [63:0] cycle, order, random, nth_seen;
    reg [31:0] slot, b_pending;
    reg        opened, settled;
    // the write burst whose data come, and the read burst whose data go
    reg        w_active, w_keep, w_mute;
    reg [1:0]  w_resp;
    reg [63:0] w_address, w_start, r_address;
    reg [2:0]  r_size;
    reg [8:0]  r_left;
    reg [1:0]  r_resp;
    // work variables
    integer            i, entry, chosen;
    reg                found, muted;
    reg                ar_stall, r_stall, aw_stall, w_stall, b_stall;
    reg [1:0]          answer;
    reg [63:0]         word_address, best, delay, mixed, lanes, missing, bytes;
    reg [15:0]         tail;
    integer            owned, first;
    reg [DATA_W-1:0]   word;
    reg [15:0] ar_phase, r_phase, aw_phase, w_phase, b_phase;

    // Evaluated only when a pin or a knob changes. A cycle is left alone when nothing is under way or offered and the
    // one before it, in which READY took its idle value, was as quiet.
    wire active = s_axi_arvalid || s_axi_awvalid || s_axi_wvalid || reads_pending != 0 || writes_pending != 0 || stalls;

    always @(read_limit or write_limit or error_read or error_write)
        settled = 1'b0;

    function [63:0] next_beat;  // address of the beat after this one
        input [63:0] address;
        input [2:0]  size;
        next_beat = ((address >> size) + 64'd1) << size;
    endfunction

    function touches;           // whether a burst reaches into a window
        input [63:0] address;
        input [7:0]  len;
        input [2:0]  size;
        input [63:0] base;
        input [63:0] bytes;
        touches = bytes != 0 && address < base + bytes && ((address >> size) + {56'd0, len} + 64'd1) << size > base;
    endfunction

    function stalled;
        input [15:0] phase, on;
        input [7:0]  threshold, draw;
        stalled = phase < on || draw < threshold;
    endfunction

    function [15:0] next_phase;
        input [15:0] phase, period;
        next_phase = phase + 16'd1 >= period ? 16'd0 : phase + 16'd1;
    endfunction

    // What happens to a burst: sets answer and muted, counts.
    task judge;
        input        kind;
        input [63:0] address;
        input [7:0]  len;
        input [2:0]  size;
        begin
            answer = OKAY;
            muted  = 1'b0;
            if ((kind ? error_write : error_read) && touches(address, len, size, error_base, error_bytes)) begin
                nth_seen = nth_seen + 64'd1;
                if (error_nth == 0 || nth_seen == {32'd0, error_nth}) begin
                    answer = error_response;
                    errors_injected = errors_injected + 1;
                end
            end
            if ((kind ? mute_write : mute_read) && touches(address, len, size, mute_base, mute_bytes)) begin
                muted = 1'b1;
                bursts_muted = bursts_muted + 1;
            end
            if (answer == OKAY && !muted && (address >= host_bytes || touches(address, len, size, host_bytes, ~host_bytes))) begin
                answer = DECERR;
                bad_accesses = bad_accesses + 1;
                $display("Error: axi_memory: %0s of %0d beats at %h is outside of host memory (%0d bytes) in cycle %0d",
                         kind ? "write" : "read", {24'd0, len} + 32'd1, address, host_bytes, cycle);
            end else if (poison)
                guard(kind ? "write" : "read", address, len, size);
        end
    endtask

    // A burst inside of host memory must stay in pages that have an owner; otherwise it counts and answers DECERR.
    task guard;
        input [8*6-1:0] what;
        input [63:0]    address;
        input [7:0]     len;
        input [2:0]     size;
        begin
            bytes = (((address >> size) + {56'd0, len} + 64'd1) << size) - address;
            owned = 1;
            if (address < host_bytes && bytes <= host_bytes - address)
                `HOSTMEM_OWNED(address, bytes, owned);
            if (owned == 0) begin
                if (answer == OKAY)
                    answer = DECERR;
                poisoned_accesses = poisoned_accesses + 1;
                $display("Error: axi_memory: %0s of %0d beats at %h is in a page that nobody owns in cycle %0d",
                         what, {24'd0, len} + 32'd1, address, cycle);
            end
        end
    endtask

    // Bytes of a read beat that it asks for and nobody ever wrote.
    task look_unwritten;
        begin
            lanes = ({64{1'b1}} << (r_address & LANES))
                  & ~({64{1'b1}} << ((r_address & LANES) >> r_size << r_size) + (64'd1 << r_size));
            missing = 64'd0;
            `HOSTMEM_UNWRITTEN(word_address, BYTES, lanes, missing);
            if (missing != 64'd0) begin
                unwritten_reads = unwritten_reads + 1;
                first = 0;
                `HOSTMEM_TELL(word_address, first);
                if (first != 0)
                    $display("Error: axi_memory: read of bytes that nobody wrote, %h of the word at %h, in cycle %0d",
                             missing, word_address, cycle);
            end
        end
    endtask

    // A burst begins to wait for its turn.
    task push;
        input            kind;
        input [ID_W-1:0] id;
        input [63:0]     address;
        input [7:0]      len;
        input [2:0]      size;
        input [1:0]      resp;
        begin
            i     = {30'd0, kind} * IDS + {28'd0, id};
            entry = i * DEPTH + ({24'd0, head[i]} + {23'd0, held[i]}) % DEPTH;
            delay = {48'd0, kind ? write_latency : read_latency} + {48'd0, random[63:48]} % ({48'd0, jitter} + 64'd1);
            if (long_tail || far_random != 8'd0) begin
                mixed = (random + {63'd0, kind}) * 64'hD1342543DE82EF95;
                if (long_tail)
                    for (tail = mixed[47:32]; tail[0]; tail = tail >> 1)
                        delay = delay + {48'd0, jitter} + 64'd1;
                if (mixed[63:56] < far_random)
                    delay = delay + {48'd0, far};
            end
            entry_address[entry] = address;
            entry_len[entry]     = len;
            entry_size[entry]    = size;
            entry_resp[entry]    = resp;
            entry_slot[entry]    = slot;
            entry_order[entry]   = order;
            entry_due[entry]     = cycle + (delay == 0 ? 64'd1 : delay);
            held[i] = held[i] + 1'b1;
            order   = order + 64'd1;
            if ({28'd0, id} > highest)
                highest = {28'd0, id};
        end
    endtask

    // Whose turn is it in the next cycle? Sets found, chosen (an ID), entry; removes the entry from its queue.
    task pop;
        input kind;
        begin
            found = 1'b0;
            best  = ~64'd0;
            for (i = 0; i <= highest; i = i + 1)
                if (held[{30'd0, kind} * IDS + i] != 0) begin
                    entry = ({30'd0, kind} * IDS + i) * DEPTH + {24'd0, head[{30'd0, kind} * IDS + i]};
                    // in order: the oldest, due or not; out of order: the due one that is first after a random ID
                    delay = reorder ? {60'd0, i[3:0] + random[43:40]} : entry_order[entry];
                    if ((!reorder || entry_due[entry] <= cycle + 64'd1) && delay < best) begin
                        best   = delay;
                        chosen = i;
                        found  = 1'b1;
                    end
                end
            i     = {30'd0, kind} * IDS + chosen;
            entry = i * DEPTH + {24'd0, head[i]};
            found = found && entry_due[entry] <= cycle + 64'd1;
            if (found) begin
                head[i] = head[i] + 1'b1;
                held[i] = held[i] - 1'b1;
            end
        end
    endtask

    task read_step;
        begin
            if (s_axi_arvalid && s_axi_arready) begin
                judge(READ, {{64-ADDR_W{1'b0}}, s_axi_araddr}, s_axi_arlen, s_axi_arsize);
                if (!muted) begin
                    push(READ, s_axi_arid, {{64-ADDR_W{1'b0}}, s_axi_araddr}, s_axi_arlen, s_axi_arsize, answer);
                    reads_pending = reads_pending + 1;
                end
            end
            if (s_axi_rvalid && s_axi_rready && s_axi_rlast)
                reads_pending = reads_pending - 1;
            if (s_axi_rvalid && !s_axi_rready)
                beats_refused = beats_refused + 1;
            if (!s_axi_rvalid || s_axi_rready) begin
                if (!r_stall && r_left == 0 && reads_pending != 0) begin
                    pop(READ);
                    if (found) begin
                        r_address = entry_address[entry];
                        r_size    = entry_size[entry];
                        r_resp    = entry_resp[entry];
                        r_left    = {1'b0, entry_len[entry]} + 9'd1;
                        s_axi_rid <= chosen[ID_W-1:0];
                    end
                end
                s_axi_rvalid <= !r_stall && r_left != 0;
                if (!r_stall && r_left != 0) begin
                    word_address = r_address & ~LANES;
                    if (r_resp == OKAY) begin
                        `HOSTMEM_READ(word_address, BYTES, word);
                        if (track)
                            look_unwritten;
                    end else
                        word = {DATA_W/8{8'hE5}};
                    s_axi_rdata <= word;
                    s_axi_rresp <= r_resp;
                    s_axi_rlast <= r_left == 9'd1;
                    r_address   = next_beat(r_address, r_size);
                    r_left      = r_left - 9'd1;
                end
            end
            s_axi_arready <= reads_pending < {16'd0, read_limit} && reads_pending < DEPTH && !ar_stall;
        end
    endtask

    task write_step;
        begin
            // data: the oldest open address takes them
            if (s_axi_wvalid && s_axi_wready) begin
                if (!w_active) begin
                    w_active  = 1'b1;
                    w_address = {{64-ADDR_W{1'b0}}, open_address[open_head]};
                    w_start   = w_address;
                    judge(WRITE, w_address, open_len[open_head], open_size[open_head]);
                    w_resp = answer;
                    w_mute = muted;
                    w_keep = answer == OKAY && !muted;
                end
                word_address = w_address & ~LANES;
                if (w_keep)
                    `HOSTMEM_STAGE(word_address, BYTES, s_axi_wdata, {{64-BYTES{1'b0}}, s_axi_wstrb});
                w_address = next_beat(w_address, open_size[open_head]);
                if (s_axi_wlast) begin
                    if (w_keep)
                        `HOSTMEM_CLOSE(slot);
                    if (w_mute)
                        writes_pending = writes_pending - 1;
                    else begin
                        push(WRITE, open_id[open_head], w_start, open_len[open_head], open_size[open_head], w_resp);
                        b_pending = b_pending + 1;
                    end
                    slot       = (slot + 1) % ENTRIES;
                    w_active   = 1'b0;
                    open_head  = open_head + 1'b1;
                    open_count = open_count - 1'b1;
                end
            end
            // addresses
            if (s_axi_awvalid && s_axi_awready) begin
                i = ({24'd0, open_head} + {23'd0, open_count}) % DEPTH;
                open_address[i] = s_axi_awaddr;
                open_id[i]      = s_axi_awid;
                open_size[i]    = s_axi_awsize;
                open_len[i]     = s_axi_awlen;
                open_count      = open_count + 1'b1;
                writes_pending  = writes_pending + 1;
            end
            // answers
            if (s_axi_bvalid && s_axi_bready)
                writes_pending = writes_pending - 1;
            if (!s_axi_bvalid || s_axi_bready) begin
                found = 1'b0;
                if (b_pending != 0 && !b_stall)
                    pop(WRITE);
                s_axi_bvalid <= found;
                if (found) begin
                    b_pending = b_pending - 1;
                    s_axi_bid   <= chosen[ID_W-1:0];
                    s_axi_bresp <= entry_resp[entry];
                    if (entry_resp[entry] == OKAY) begin
                        if (poison)
                            guard("write", entry_address[entry], entry_len[entry], entry_size[entry]);
                        `HOSTMEM_COMMIT(entry_slot[entry]);
                    end
                end
            end
            s_axi_awready <= writes_pending < {16'd0, write_limit} && writes_pending < DEPTH && !aw_stall;
            s_axi_wready  <= open_count != 0 && !w_stall;
        end
    endtask

    // One process, so that a read and a write of the same cycle meet in the same order in every simulator: read first.
    always @(posedge clk_i) begin
        if (!rst_ni) begin
            s_axi_arready <= 1'b0;
            s_axi_rvalid  <= 1'b0;
            s_axi_awready <= 1'b0;
            s_axi_wready  <= 1'b0;
            s_axi_bvalid  <= 1'b0;
            opened         = 1'b0;
            settled        = 1'b0;
            order          = 64'd0;
            slot           = 32'd0;
            b_pending      = 32'd0;
            nth_seen       = 64'd0;
            highest        = 0;
            open_head      = 0;
            open_count     = 0;
            w_active       = 1'b0;
            r_left         = 9'd0;
            reads_pending  = 32'd0;
            writes_pending = 32'd0;
            random         = seed == 64'd0 ? 64'd1 : seed;
            {ar_phase, r_phase, aw_phase, w_phase, b_phase} = 80'd0;
            for (i = 0; i < 2 * IDS; i = i + 1) begin
                head[i] = 0;
                held[i] = 0;
            end
        end else if (active || !settled) begin
            settled = !active;
            if (!opened) begin
                opened = 1'b1;
                `HOSTMEM_OPEN(host_bytes);
            end
            if (draws) begin
                random = random ^ (random << 13);
                random = random ^ (random >> 7);
                random = random ^ (random << 17);
            end
            if (!error_read && !error_write)
                nth_seen = 64'd0;
            {ar_stall, r_stall, aw_stall, w_stall, b_stall} = 5'd0;
            if (stalls) begin   // not `stalls && ...`: Icarus would call the function all the same
                ar_stall = stalled(ar_phase, ar_stall_on, ar_stall_random, random[15:8]);
                r_stall  = stalled(r_phase,  r_stall_on,  r_stall_random,  random[7:0]);
                aw_stall = stalled(aw_phase, aw_stall_on, aw_stall_random, random[31:24]);
                w_stall  = stalled(w_phase,  w_stall_on,  w_stall_random,  random[39:32]);
                b_stall  = stalled(b_phase,  b_stall_on,  b_stall_random,  random[23:16]);
            end
            read_step;
            write_step;
            if (stalls) begin
                ar_phase = next_phase(ar_phase, ar_stall_period);
                r_phase  = next_phase(r_phase,  r_stall_period);
                aw_phase = next_phase(aw_phase, aw_stall_period);
                w_phase  = next_phase(w_phase,  w_stall_period);
                b_phase  = next_phase(b_phase,  b_stall_period);
            end
        end
        cycle = rst_ni ? cycle + 64'd1 : 64'd0;
    end

    initial begin
        if (DATA_W != 64 && DATA_W != 128 && DATA_W != 256 && DATA_W != 512)
            $fatal(1, "%m: DATA_W is %0d, must be 64, 128, 256 or 512", DATA_W);
        if (ADDR_W < 32 || ADDR_W > 64 || ID_W < 1 || ID_W > 4 || DEPTH_LOG2 < 1 || DEPTH_LOG2 > 8)
            $fatal(1, "%m: ADDR_W %0d, ID_W %0d or DEPTH_LOG2 %0d out of range", ADDR_W, ID_W, DEPTH_LOG2);
    end

endmodule

// verilator lint_on BLKSEQ
// verilator lint_on PROCASSINIT
// verilator lint_on UNUSEDSIGNAL
`default_nettype wire
