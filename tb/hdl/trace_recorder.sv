// trace_recorder: turns what happens on the engine's pins, and in it, into events of the one trace.
//
// Why: scoreboard, timing and reports read one list of events with cycles instead of probing signals themselves. Events
// are per burst, descriptor or wait, not per beat, and go through a buffer of the native library, so that recording costs
// next to nothing. `tb/trace.py` reads the file; the kinds below are its `Kind`.
//
//   kind             id        queue    address      length  value            tag      cause            detail
//   READ_ADDRESS     AXI ID    of both  of the burst bytes   beats            of both                   translation
//   READ_FIRST       AXI ID    of both  of the burst bytes   beats            of both  RRESP            translation
//   READ_LAST        AXI ID    of both  of the burst bytes   beats            of both  RRESP, last beat translation
//   WRITE_ADDRESS    AXI ID    of both  of the burst bytes   beats            of both                   translation
//   WRITE_FIRST      AXI ID    of both  of the burst bytes   beats            of both                   translation
//   WRITE_LAST       AXI ID    of both  of the burst bytes   beats            of both                   translation
//   WRITE_RESPONSE   AXI ID    of both  of the burst bytes   beats            of both  BRESP            translation
//   DOORBELL         queue     queue                         tail             of last
//   RECORD           queue     queue    of the record 32     bytes moved      tag      {status, cause}
//   FENCE            AXI ID    queue    of the value  bytes  fence value      tag      BRESP
//   IRQ_RISE                   of record                                      of record IRQ_STATUS
//   IRQ_FALL                   of record                                      of record
//   RESET: nothing but the cycle, which is the first edge out of reset.
//   FETCHED          opcode    queue    of the entry         place, mod 2^16  tag      cause
//   START            opcode    queue                         unit             tag      cause
//   ENDED            opcode    queue    of the cause         bytes moved      tag      cause
//   WALK             mover     0        {object, offset}     cycles           tag      cause
//   STALL                      queue                         cycles           tag      which, below
//
// The cycle is the number of clock edges before the one at which the event happened. RECORD and FENCE stand at the
// response of their write: from then on the host may see them. A burst's bytes are what its address, length and size
// name; strobes may write fewer.
//
// "Of both": the descriptor that the burst belongs to, "of record": that of the latest record that was answered. A doorbell
// and a fetch come before the tag that they bring: here a fetch's last beat alone has it, and `tb/trace.py` gives it to its
// address and first beat, and a doorbell that of the last descriptor that it publishes. IRQ_STATUS: its enabled causes.
// Translation: 1 was cached, 2 was waited for, 0 has none.
// FETCHED stands at the descriptor's last beat, START where it leaves its ring for its unit (0 and 1; 2: none), ENDED
// where its end is chosen for a record. WALK and STALL stand at the first cycle in which nobody waits any more, their
// value is how many before it somebody did: a burst for its translation (mover 0 WRITEBACK, 1 READBACK), or
//   1 AR_READY      an address of a read for the bus           2 READ_DATA     data that was asked for
//   3 AW_READY      an address of a write for the bus          4 W_READY       a word for the bus
//   5 WRITE_DATA    the bus for a word of a burst              6 RESPONSE      nothing but answers to writes
//   7 READ_ROOM     the mover for room or a place (WRITEBACK)  8 WRITE_ROOM    the same (READBACK)
//   9 READ_TRANSLATION, 10 WRITE_TRANSLATION  the mover        11 FENCE        a WAIT for its fence
//  12 ORDER         a descriptor for all before it             13 UNIT         a descriptor for its unit
//  14 RECORD_ROOM   an end for a place in the ring             15 BANK         device memory for a bank
//
// What is in the engine comes from hierarchical references in sim_top; a netlist of it has none of these names, and there
// the inputs are 0 and bursts have tag 0.
`default_nettype none
`include "faultline.vh"
// A model, not hardware: one process with blocking assignments.
// verilator lint_off BLKSEQ
// verilator lint_off PROCASSINIT
// verilator lint_off UNUSEDSIGNAL

module trace_recorder #(
    // width of the data bus in bits: 64, 128, 256 or 512
    parameter DATA_W = 64,
    // width of the addresses in bits, at most 64
    parameter ADDR_W = 64,
    // width of the IDs in bits, at most 4
    parameter ID_W   = 4,
    // the ID with which records and fence values are written
    parameter [ID_W-1:0] RECORD_ID = 1
) (
    input wire                clk_i,
    input wire                rst_ni,   // synchronous, active low
    input wire [63:0]         cycle_i,  // clock edges before the coming one
    input wire                enable_i, // low: nothing is followed or written; changes while the engine is idle

    input wire [15:0]         axil_awaddr,
    input wire                axil_awvalid,
    input wire                axil_awready,
    input wire [31:0]         axil_wdata,
    input wire                axil_wvalid,
    input wire                axil_wready,
    input wire [1:0]          axil_bresp,
    input wire                axil_bvalid,
    input wire                axil_bready,

    input wire [ID_W-1:0]     axi_awid,
    input wire [ADDR_W-1:0]   axi_awaddr,
    input wire [7:0]          axi_awlen,
    input wire [2:0]          axi_awsize,
    input wire                axi_awvalid,
    input wire                axi_awready,
    input wire [DATA_W-1:0]   axi_wdata,
    input wire [DATA_W/8-1:0] axi_wstrb,
    input wire                axi_wlast,
    input wire                axi_wvalid,
    input wire                axi_wready,
    input wire [ID_W-1:0]     axi_bid,
    input wire [1:0]          axi_bresp,
    input wire                axi_bvalid,
    input wire                axi_bready,
    input wire [ID_W-1:0]     axi_arid,
    input wire [ADDR_W-1:0]   axi_araddr,
    input wire [7:0]          axi_arlen,
    input wire [2:0]          axi_arsize,
    input wire                axi_arvalid,
    input wire                axi_arready,
    input wire [ID_W-1:0]     axi_rid,
    input wire [1:0]          axi_rresp,
    input wire                axi_rlast,
    input wire                axi_rvalid,
    input wire                axi_rready,

    input wire                irq_i,
    input wire [6:0]          irq_cause_i,      // enabled causes of it

    // inside of the engine; queues packed {render, transfer}, movers {READBACK, WRITEBACK}, ports as the bus IDs
    input wire                life_i,           // low: the engine behind its ports is in reset
    input wire [1:0]          fetched_i,        // a descriptor is here
    input wire [127:0]        fetched_address_i,
    input wire [63:0]         fetched_tag_i,
    input wire [15:0]         fetched_opcode_i,
    input wire [31:0]         fetched_place_i,
    input wire [15:0]         fetched_cause_i,
    input wire [1:0]          start_i,          // a descriptor leaves its ring
    input wire [63:0]         start_tag_i,      // of the one on offer, also before
    input wire [15:0]         start_opcode_i,
    input wire [15:0]         start_cause_i,
    input wire [3:0]          start_unit_i,
    input wire [1:0]          end_i,            // an end is chosen
    input wire [63:0]         end_tag_i,        // of the one on offer
    input wire [15:0]         end_opcode_i,
    input wire [15:0]         end_cause_i,
    input wire [63:0]         end_bytes_i,
    input wire [127:0]        end_address_i,
    input wire [1:0]          ask_i,            // a burst asks for its translation
    input wire [1:0]          ask_last_i,       // it is the last of its box
    input wire [1:0]          walk_i,           // it waits for a walk
    input wire [7:0]          walk_object_i,
    input wire [39:0]         walk_page_i,
    input wire                walker_i,         // whose walk is on the bus
    input wire [1:0]          answer_i,         // it has its translation
    input wire [15:0]         answer_cause_i,
    input wire [1:0]          join_i,           // a burst and its translation leave together
    input wire [1:0]          join_last_i,      // they end their box
    input wire [3:0]          ar_take_i,        // an address goes to the bus register
    input wire [1:0]          aw_take_i,
    input wire [12:0]         waits_i           // stalls inside, see WAITS
);
    `include "native.svh"

    localparam BYTES = DATA_W / 8;
    localparam IDS   = 1 << ID_W;
    localparam DEPTH = 512;     // outstanding bursts that can be followed, a power of two

    localparam [31:0] READ_ADDRESS = 1, READ_FIRST = 2, READ_LAST = 3;
    localparam [31:0] WRITE_ADDRESS = 4, WRITE_FIRST = 5, WRITE_LAST = 6, WRITE_RESPONSE = 7;
    localparam [31:0] DOORBELL = 8, RECORD = 9, FENCE = 10, IRQ_RISE = 11, IRQ_FALL = 12, RESET = 13;
    localparam [31:0] FETCHED = 14, START = 15, ENDED = 16, WALK = 17, STALL = 18;
    localparam [31:0] NO_UNIT = 2, HIT = 1, WAITED = 2;
    localparam [31:0] QUEUES = `FL_COUNT_QUEUE;
    localparam BOXES = 128;     // boxes of a mover that can be followed, a power of two, more than dispatch lets be under way
    localparam HITS  = 16;      // answers of the walker that can wait, a power of two
    localparam WAITS = 19;      // stalls: the six of the bus and waits_i {bank, room for a record x2, unit x2, order x2,
                                // fence x2, WRITE_TRANSLATION, READ_TRANSLATION, WRITE_ROOM, READ_ROOM}
    localparam [4*WAITS-1:0] CAUSES = {4'd15, 4'd14, 4'd14, 4'd13, 4'd13, 4'd12, 4'd12, 4'd11, 4'd11,
                                       4'd10, 4'd9, 4'd8, 4'd7, 4'd6, 4'd5, 4'd4, 4'd3, 4'd2, 4'd1};

    // Bursts by ID: reads that are not complete, writes that are not answered. Index {ID, place}.
    reg [63:0]  r_address [0:IDS*DEPTH-1], b_address [0:IDS*DEPTH-1];
    reg [31:0]  r_length  [0:IDS*DEPTH-1], b_length  [0:IDS*DEPTH-1];
    reg [31:0]  r_beats   [0:IDS*DEPTH-1], b_beats   [0:IDS*DEPTH-1];
    reg [31:0]  r_tag     [0:IDS*DEPTH-1], b_tag     [0:IDS*DEPTH-1];
    reg [3:0]   r_whose   [0:IDS*DEPTH-1], b_whose   [0:IDS*DEPTH-1];   // {translation, queue}
    integer     r_head [0:IDS-1], r_count [0:IDS-1], b_head [0:IDS-1], b_count [0:IDS-1];
    reg         r_inside [0:IDS-1];             // the first beat has come
    // Writes whose data have not all come, in the order of their addresses: {ID, place} among those above.
    integer     w_burst [0:DEPTH-1];
    integer     w_head, w_count;
    reg         w_inside, w_record;         // a burst's data have begun; it is a record or a fence
    // The bytes of records and fences that are not answered.
    reg [255:0] record [0:DEPTH-1];
    integer     record_bytes [0:DEPTH-1];
    integer     filling;

    // Descriptors by bus register, mover and box.
    reg [31:0]  ar_tag [0:IDS-1], aw_tag [0:IDS-1];
    reg [3:0]   ar_whose [0:IDS-1], aw_whose [0:IDS-1];
    reg [31:0]  box_tag [0:2*BOXES-1];
    integer     box_put [0:1], box_ask [0:1], box_join [0:1];           // boxes handed out, asked for, gone on
    reg [1:0]   hit_of [0:2*HITS-1];
    integer     hit_put [0:1], hit_get [0:1];
    reg [31:0]  ask_tag [0:1], walked [0:1];
    reg [31:0]  record_tag, fence_tag;
    reg         record_queue, fence_queue;
    // Stalls under way.
    reg [WAITS-1:0] waits_were;
    reg [31:0]  wait_since [0:WAITS-1], wait_tag [0:WAITS-1];
    reg         wait_queue [0:WAITS-1];
    reg         reading, writing, answering;    // data is owed, by the memory, by the engine; nothing but answers is

    reg [15:0]  doorbell_address;
    reg [31:0]  doorbell_value;
    reg         irq_was, was_reset;
    reg [255:0] bytes;
    reg [WAITS-1:0] waits_now;
    reg [31:0]  tag;
    reg         queue;
    integer     i, at, lane, m, w;

    // Evaluated only when a pin changes: a cycle without news costs nothing.
    wire axil_active = axil_awvalid || axil_wvalid || axil_bvalid;
    wire r_active    = axi_arvalid || axi_rvalid;
    wire w_active    = axi_awvalid || axi_wvalid || axi_bvalid;
    wire active      = axil_active || r_active || w_active;
    wire life_active = |{fetched_i, start_i, end_i, ask_i, walk_i, answer_i, join_i, ar_take_i, aw_take_i, !life_i};
    wire [WAITS-1:0] waits = {waits_i, answering && !axi_awvalid && !axi_bvalid, writing && !axi_wvalid,
                              axi_wvalid && !axi_wready, axi_awvalid && !axi_awready, reading && !axi_rvalid,
                              axi_arvalid && !axi_arready};

    function [31:0] length_of;
        input [63:0] address;
        input [7:0]  len;
        input [2:0]  size;
        length_of = (({24'd0, len} + 32'd1) << size) - (address[31:0] & ((32'd1 << size) - 32'd1));
    endfunction

    task emit;
        input [31:0] kind, id;
        input [3:0]  whose;     // {detail, queue}
        input [31:0] length, value, of_tag, cause;
        input [63:0] address;
        `TRACE_EVENT(cycle_i, address, of_tag, length, value, cause, kind | {20'd0, whose, 8'd0}, id);
    endtask

    task doorbells;
        begin
            if (axil_awvalid && axil_awready)
                doorbell_address = axil_awaddr;
            if (axil_wvalid && axil_wready)
                doorbell_value = axil_wdata;
            if (axil_bvalid && axil_bready && axil_bresp == 2'd0)
                for (i = 0; i < `FL_COUNT_QUEUE; i = i + 1)
                    if (doorbell_address == `FL_ADDR_QUEUE + i[15:0] * `FL_STRIDE_QUEUE + `FL_OFFSET_QUEUE_TAIL)
                        emit(DOORBELL, i, i[3:0], 32'd0, doorbell_value, 32'd0, 32'd0, 64'd0);
        end
    endtask

    task reads;
        begin
            if (axi_rvalid && axi_rready && (axi_rlast || !r_inside[axi_rid])) begin
                i  = {{32-ID_W{1'b0}}, axi_rid};
                at = i * DEPTH + r_head[i];
                if (axi_rlast && (i == 1 || i == 2) && fetched_i[i-1])
                    r_tag[at] = fetched_tag_i[32*(i-1) +: 32];
                if (!r_inside[i])
                    emit(READ_FIRST, i, r_whose[at], r_length[at], r_beats[at], r_tag[at], {30'd0, axi_rresp}, r_address[at]);
                r_inside[i] = !axi_rlast;
                if (axi_rlast) begin
                    emit(READ_LAST, i, r_whose[at], r_length[at], r_beats[at], r_tag[at], {30'd0, axi_rresp}, r_address[at]);
                    r_head[i]  = (r_head[i] + 1) % DEPTH;
                    r_count[i] = r_count[i] - 1;
                end
            end
            if (axi_arvalid && axi_arready) begin
                i  = {{32-ID_W{1'b0}}, axi_arid};
                at = i * DEPTH + (r_head[i] + r_count[i]) % DEPTH;
                r_address[at] = {{64-ADDR_W{1'b0}}, axi_araddr};
                r_length[at]  = length_of(r_address[at], axi_arlen, axi_arsize);
                r_beats[at]   = {24'd0, axi_arlen} + 32'd1;
                r_tag[at]     = ar_tag[i];
                r_whose[at]   = ar_whose[i];
                r_count[i]    = r_count[i] + 1;
                emit(READ_ADDRESS, i, r_whose[at], r_length[at], r_beats[at], r_tag[at], 32'd0, r_address[at]);
            end
        end
    endtask

    task writes;
        begin
            if (axi_bvalid && axi_bready) begin
                i  = {{32-ID_W{1'b0}}, axi_bid};
                at = i * DEPTH + b_head[i];
                emit(WRITE_RESPONSE, i, b_whose[at], b_length[at], b_beats[at], b_tag[at], {30'd0, axi_bresp}, b_address[at]);
                if (axi_bid == RECORD_ID) begin
                    bytes = record[b_head[i]];
                    if (record_bytes[b_head[i]] * 8 == `FL_RECORD_BITS) begin
                        // a fence value follows the record of its descriptor, with nothing between them
                        fence_queue = bytes[`FL_RECORD_QUEUE];
                        fence_tag   = bytes[`FL_RECORD_TAG];
                        emit(RECORD, {31'd0, fence_queue}, {3'd0, fence_queue}, 32'd32, bytes[`FL_RECORD_BYTES], fence_tag,
                             {20'd0, bytes[`FL_RECORD_STATUS], bytes[`FL_RECORD_CAUSE]}, b_address[at]);
                    end else
                        emit(FENCE, i, {3'd0, fence_queue}, record_bytes[b_head[i]], bytes[31:0], fence_tag,
                             {30'd0, axi_bresp}, b_address[at]);
                end
                b_head[i]  = (b_head[i] + 1) % DEPTH;
                b_count[i] = b_count[i] - 1;
            end
            if (axi_awvalid && axi_awready) begin
                i  = {{32-ID_W{1'b0}}, axi_awid};
                at = i * DEPTH + (b_head[i] + b_count[i]) % DEPTH;
                b_address[at] = {{64-ADDR_W{1'b0}}, axi_awaddr};
                b_length[at]  = length_of(b_address[at], axi_awlen, axi_awsize);
                b_beats[at]   = {24'd0, axi_awlen} + 32'd1;
                b_tag[at]     = aw_tag[i];
                b_whose[at]   = aw_whose[i];
                b_count[i]    = b_count[i] + 1;
                w_burst[(w_head + w_count) % DEPTH] = at;
                w_count = w_count + 1;
                if (axi_awid == RECORD_ID)
                    record_bytes[at % DEPTH] = 0;
                emit(WRITE_ADDRESS, i, b_whose[at], b_length[at], b_beats[at], b_tag[at], 32'd0, b_address[at]);
            end
            if (axi_wvalid && axi_wready && (axi_wlast || !w_inside || w_record)) begin
                at = w_burst[w_head];
                i  = at / DEPTH;
                w_record = i == {{32-ID_W{1'b0}}, RECORD_ID};
                if (!w_inside)
                    emit(WRITE_FIRST, i, b_whose[at], b_length[at], b_beats[at], b_tag[at], 32'd0, b_address[at]);
                if (w_record) begin
                    bytes   = record[at % DEPTH];
                    filling = record_bytes[at % DEPTH];
                    for (lane = 0; lane < BYTES; lane = lane + 1)
                        if (axi_wstrb[lane]) begin
                            bytes   = filling == 0 ? 256'd0 : bytes;
                            bytes   = bytes | {248'd0, axi_wdata[8*lane +: 8]} << 8 * filling;
                            filling = filling + 1;
                        end
                    record[at % DEPTH]       = bytes;
                    record_bytes[at % DEPTH] = filling;
                end
                w_inside = !axi_wlast;
                if (axi_wlast) begin
                    emit(WRITE_LAST, i, b_whose[at], b_length[at], b_beats[at], b_tag[at], 32'd0, b_address[at]);
                    w_head  = (w_head + 1) % DEPTH;
                    w_count = w_count - 1;
                end
            end
        end
    endtask

    // What happens in the engine at this edge. The bus comes first: its registers still hold what was asked for before.
    task lives;
        begin
            if (ar_take_i[1] || ar_take_i[2])
                for (i = 1; i <= 2; i = i + 1) begin
                    ar_tag[i]   = 32'd0;
                    ar_whose[i] = {3'd0, i == 2};
                end
            if (ar_take_i[3]) begin
                ar_tag[3]   = ask_tag[walker_i];
                ar_whose[3] = 4'd0;
            end
            if (aw_take_i[1]) begin
                aw_tag[1]   = record_tag;
                aw_whose[1] = {3'd0, record_queue};
            end
            for (i = 0; i < QUEUES; i = i + 1) begin
                if (fetched_i[i])
                    emit(FETCHED, {24'd0, fetched_opcode_i[8*i +: 8]}, i[3:0], 32'd0, {16'd0, fetched_place_i[16*i +: 16]},
                         fetched_tag_i[32*i +: 32], {24'd0, fetched_cause_i[8*i +: 8]}, fetched_address_i[64*i +: 64]);
                if (end_i[i]) begin
                    record_tag   = end_tag_i[32*i +: 32];
                    record_queue = i[0];
                    emit(ENDED, {24'd0, end_opcode_i[8*i +: 8]}, i[3:0], 32'd0, end_bytes_i[32*i +: 32], record_tag,
                         {24'd0, end_cause_i[8*i +: 8]}, end_address_i[64*i +: 64]);
                end
                if (start_i[i]) begin
                    emit(START, {24'd0, start_opcode_i[8*i +: 8]}, i[3:0], 32'd0, {30'd0, start_unit_i[2*i +: 2]},
                         start_tag_i[32*i +: 32], {24'd0, start_cause_i[8*i +: 8]}, 64'd0);
                    if (i == 0 && start_unit_i[1:0] != NO_UNIT[1:0]) begin
                        m = start_unit_i[0] ? 0 : 1;
                        box_tag[m * BOXES + box_put[m] % BOXES] = start_tag_i[31:0];
                        box_put[m] = box_put[m] + 1;
                    end
                end
            end
            for (m = 0; m < 2; m = m + 1) begin
                if (answer_i[m]) begin
                    if (walked[m] != 32'd0)
                        emit(WALK, m, {3'd0, 1'b0}, 32'd0, walked[m], ask_tag[m], {24'd0, answer_cause_i[8*m +: 8]},
                             {28'd0, walk_object_i[4*m +: 4], walk_page_i[20*m +: 20], 12'd0});
                    hit_of[m * HITS + hit_put[m] % HITS] = walked[m] != 32'd0 ? WAITED[1:0] : HIT[1:0];
                    hit_put[m] = hit_put[m] + 1;
                end
                walked[m] = walk_i[m] ? walked[m] + 32'd1 : 32'd0;
                if (ask_i[m]) begin
                    ask_tag[m] = box_tag[m * BOXES + box_ask[m] % BOXES];
                    box_ask[m] = ask_last_i[m] ? box_ask[m] + 1 : box_ask[m];
                end
                if (join_i[m]) begin
                    tag = box_tag[m * BOXES + box_join[m] % BOXES];
                    at  = m * HITS + hit_get[m] % HITS;
                    if (m == 0 && ar_take_i[0]) begin
                        ar_tag[0]   = tag;
                        ar_whose[0] = {1'b0, hit_of[at], 1'b0};
                    end
                    if (m == 1 && aw_take_i[0]) begin
                        aw_tag[0]   = tag;
                        aw_whose[0] = {1'b0, hit_of[at], 1'b0};
                    end
                    hit_get[m]  = hit_get[m] + 1;
                    box_join[m] = join_last_i[m] ? box_join[m] + 1 : box_join[m];
                end
            end
            if (!life_i)
                forget;
        end
    endtask

    task forget;
        for (m = 0; m < 2; m = m + 1) begin
            box_put[m]  = 0;
            box_ask[m]  = 0;
            box_join[m] = 0;
            hit_put[m]  = 0;
            hit_get[m]  = 0;
            walked[m]   = 32'd0;
            ask_tag[m]  = 32'd0;
        end
    endtask

    // Whose stall begins.
    task blame;
        input integer which;
        begin
            queue = 1'b0;
            tag   = 32'd0;
            case (which)
                0:       {queue, tag} = {ar_whose[axi_arid][0], ar_tag[axi_arid]};
                1:       tag = r_tag[r_head[0]];
                2:       {queue, tag} = {aw_whose[axi_awid][0], aw_tag[axi_awid]};
                3, 4:    if (w_count != 0) {queue, tag} = {b_whose[w_burst[w_head]][0], b_tag[w_burst[w_head]]};
                         else              {queue, tag} = {aw_whose[axi_awid][0], aw_tag[axi_awid]};
                5:       tag = b_tag[b_head[0]];
                6, 8:    tag = box_tag[box_join[0] % BOXES];
                7, 9:    tag = box_tag[BOXES + box_join[1] % BOXES];
                16:      tag = end_tag_i[31:0];
                17:      {queue, tag} = {1'b1, end_tag_i[63:32]};
                18:      tag = 32'd0;
                default: {queue, tag} = which % 2 == 0 ? {1'b0, start_tag_i[31:0]} : {1'b1, start_tag_i[63:32]};
            endcase
        end
    endtask

    task stalls;
        for (w = 0; w < WAITS; w = w + 1) begin
            if (waits_were[w] && !waits_now[w])
                emit(STALL, 32'd0, {3'd0, wait_queue[w]}, 32'd0, cycle_i[31:0] - wait_since[w], wait_tag[w],
                     {28'd0, CAUSES[4*w +: 4]}, 64'd0);
            if (waits_now[w] && !waits_were[w]) begin
                blame(w);
                wait_since[w] = cycle_i[31:0];
                wait_tag[w]   = tag;
                wait_queue[w] = queue;
            end
        end
    endtask

    always @(posedge clk_i) begin
        if (!rst_ni) begin
            w_head     = 0;
            w_count    = 0;
            w_inside   = 1'b0;
            w_record   = 1'b0;
            irq_was    = 1'b0;
            waits_were = {WAITS{1'b0}};
            reading    = 1'b0;
            writing    = 1'b0;
            answering  = 1'b0;
            forget;
            for (i = 0; i < IDS; i = i + 1) begin
                r_head[i]   = 0;
                r_count[i]  = 0;
                r_inside[i] = 1'b0;
                b_head[i]   = 0;
                b_count[i]  = 0;
                ar_tag[i]   = 32'd0;
                ar_whose[i] = 4'd0;
                aw_tag[i]   = 32'd0;
                aw_whose[i] = 4'd0;
            end
            record_tag   = 32'd0;
            record_queue = 1'b0;
            fence_tag    = 32'd0;
            fence_queue  = 1'b0;
        end else if (enable_i && (active || life_active || waits != waits_were || was_reset || irq_i != irq_was)) begin
            waits_now = waits;
            if (was_reset)
                emit(RESET, 32'd0, 4'd0, 32'd0, 32'd0, 32'd0, 32'd0, 64'd0);
            if (waits_now != waits_were) begin
                stalls;
                waits_were = waits_now;
            end
            if (axil_active)
                doorbells;
            if (r_active) begin
                reads;
                reading = r_count[0] != 0;
            end
            if (w_active) begin
                writes;
                writing   = w_count != 0;
                answering = b_count[0] != 0 && w_count == 0;
            end
            if (life_active)
                lives;
            if (irq_i != irq_was)
                emit(irq_i ? IRQ_RISE : IRQ_FALL, 32'd0, {3'd0, fence_queue}, 32'd0, 32'd0, fence_tag,
                     irq_i ? {25'd0, irq_cause_i} : 32'd0, 64'd0);
            irq_was = irq_i;
        end
        was_reset = !rst_ni;
    end

    initial was_reset = 1'b1;

endmodule

// verilator lint_on BLKSEQ
// verilator lint_on PROCASSINIT
// verilator lint_on UNUSEDSIGNAL
`default_nettype wire
