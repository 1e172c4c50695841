// trace_recorder: turns what happens on the engine's pins into events of the one trace.
//
// Why: scoreboard, timing and reports read one list of events with cycles instead of probing signals themselves. Events
// are per burst, not per beat, and go through a buffer of the native library, so that recording costs next to nothing.
// `tb/trace.py` reads the file; the kinds below are its `Kind`.
//
//   kind             id     address      length  value           tag    cause
//   READ_ADDRESS     AXI ID of the burst bytes   beats
//   READ_FIRST       AXI ID of the burst bytes   beats                  RRESP
//   READ_LAST        AXI ID of the burst bytes   beats                  RRESP of the last beat
//   WRITE_ADDRESS    AXI ID of the burst bytes   beats
//   WRITE_FIRST      AXI ID of the burst bytes   beats
//   WRITE_LAST       AXI ID of the burst bytes   beats
//   WRITE_RESPONSE   AXI ID of the burst bytes   beats                  BRESP
//   DOORBELL         queue                       tail
//   RECORD           queue  of the record 32     bytes moved     tag    {status, cause}
//   FENCE            AXI ID of the value  bytes  fence value            BRESP
//   IRQ_RISE, IRQ_FALL, RESET: nothing but the cycle; RESET is the first edge out of reset.
//
// The cycle is the number of clock edges before the one at which the event happened. RECORD and FENCE stand at the
// response of their write: from then on the host may see them. A burst's bytes are what its address, length and size
// name; strobes may write fewer.
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
    input wire                enable_i,

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

    input wire                irq_i
);
    `include "native.svh"

    localparam BYTES = DATA_W / 8;
    localparam IDS   = 1 << ID_W;
    localparam DEPTH = 512;     // outstanding bursts that can be followed, a power of two

    localparam [31:0] READ_ADDRESS = 1, READ_FIRST = 2, READ_LAST = 3;
    localparam [31:0] WRITE_ADDRESS = 4, WRITE_FIRST = 5, WRITE_LAST = 6, WRITE_RESPONSE = 7;
    localparam [31:0] DOORBELL = 8, RECORD = 9, FENCE = 10, IRQ_RISE = 11, IRQ_FALL = 12, RESET = 13;

    // Bursts by ID: reads that are not complete, writes that are not answered. Index {ID, place}.
    reg [63:0]  r_address [0:IDS*DEPTH-1], b_address [0:IDS*DEPTH-1];
    reg [31:0]  r_length  [0:IDS*DEPTH-1], b_length  [0:IDS*DEPTH-1];
    reg [31:0]  r_beats   [0:IDS*DEPTH-1], b_beats   [0:IDS*DEPTH-1];
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

    reg [15:0]  doorbell_address;
    reg [31:0]  doorbell_value;
    reg         irq_was, was_reset;
    reg [255:0] bytes;
    integer     i, at, lane;

    // Evaluated only when a pin changes: a cycle without news costs nothing.
    wire axil_active = axil_awvalid || axil_wvalid || axil_bvalid;
    wire r_active    = axi_arvalid || axi_rvalid;
    wire w_active    = axi_awvalid || axi_wvalid || axi_bvalid;
    wire active      = axil_active || r_active || w_active;

    function [31:0] length_of;
        input [63:0] address;
        input [7:0]  len;
        input [2:0]  size;
        length_of = (({24'd0, len} + 32'd1) << size) - (address[31:0] & ((32'd1 << size) - 32'd1));
    endfunction

    task emit;
        input [31:0] kind, id, length, value, tag, cause;
        input [63:0] address;
        if (enable_i)
            `TRACE_EVENT(cycle_i, address, tag, length, value, cause, kind, id);
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
                        emit(DOORBELL, i, 32'd0, doorbell_value, 32'd0, 32'd0, 64'd0);
        end
    endtask

    task reads;
        begin
            if (axi_rvalid && axi_rready && (axi_rlast || !r_inside[axi_rid])) begin
                i  = {{32-ID_W{1'b0}}, axi_rid};
                at = i * DEPTH + r_head[i];
                if (!r_inside[i])
                    emit(READ_FIRST, i, r_length[at], r_beats[at], 32'd0, {30'd0, axi_rresp}, r_address[at]);
                r_inside[i] = !axi_rlast;
                if (axi_rlast) begin
                    emit(READ_LAST, i, r_length[at], r_beats[at], 32'd0, {30'd0, axi_rresp}, r_address[at]);
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
                r_count[i]    = r_count[i] + 1;
                emit(READ_ADDRESS, i, r_length[at], r_beats[at], 32'd0, 32'd0, r_address[at]);
            end
        end
    endtask

    task writes;
        begin
            if (axi_bvalid && axi_bready) begin
                i  = {{32-ID_W{1'b0}}, axi_bid};
                at = i * DEPTH + b_head[i];
                emit(WRITE_RESPONSE, i, b_length[at], b_beats[at], 32'd0, {30'd0, axi_bresp}, b_address[at]);
                if (axi_bid == RECORD_ID) begin
                    bytes = record[b_head[i]];
                    if (record_bytes[b_head[i]] * 8 == `FL_RECORD_BITS)
                        emit(RECORD, {31'd0, bytes[`FL_RECORD_QUEUE]}, 32'd32, bytes[`FL_RECORD_BYTES],
                             bytes[`FL_RECORD_TAG], {20'd0, bytes[`FL_RECORD_STATUS], bytes[`FL_RECORD_CAUSE]},
                             b_address[at]);
                    else
                        emit(FENCE, i, record_bytes[b_head[i]], bytes[31:0], 32'd0, {30'd0, axi_bresp}, b_address[at]);
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
                b_count[i]    = b_count[i] + 1;
                w_burst[(w_head + w_count) % DEPTH] = at;
                w_count = w_count + 1;
                if (axi_awid == RECORD_ID)
                    record_bytes[at % DEPTH] = 0;
                emit(WRITE_ADDRESS, i, b_length[at], b_beats[at], 32'd0, 32'd0, b_address[at]);
            end
            if (axi_wvalid && axi_wready && (axi_wlast || !w_inside || w_record)) begin
                at = w_burst[w_head];
                i  = at / DEPTH;
                w_record = i == {{32-ID_W{1'b0}}, RECORD_ID};
                if (!w_inside)
                    emit(WRITE_FIRST, i, b_length[at], b_beats[at], 32'd0, 32'd0, b_address[at]);
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
                    emit(WRITE_LAST, i, b_length[at], b_beats[at], 32'd0, 32'd0, b_address[at]);
                    w_head  = (w_head + 1) % DEPTH;
                    w_count = w_count - 1;
                end
            end
        end
    endtask

    always @(posedge clk_i) begin
        if (!rst_ni) begin
            w_head   = 0;
            w_count  = 0;
            w_inside = 1'b0;
            w_record = 1'b0;
            irq_was  = 1'b0;
            for (i = 0; i < IDS; i = i + 1) begin
                r_head[i]   = 0;
                r_count[i]  = 0;
                r_inside[i] = 1'b0;
                b_head[i]   = 0;
                b_count[i]  = 0;
            end
        end else if (active || was_reset || irq_i != irq_was) begin
            if (was_reset)
                emit(RESET, 32'd0, 32'd0, 32'd0, 32'd0, 32'd0, 64'd0);
            if (axil_active)
                doorbells;
            if (r_active)
                reads;
            if (w_active)
                writes;
            if (irq_i != irq_was)
                emit(irq_i ? IRQ_RISE : IRQ_FALL, 32'd0, 32'd0, 32'd0, 32'd0, 32'd0, 64'd0);
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
