// walker: (object, page) -> bus frame, or the reason why not. No translation, no bus access.
//
// Why: a descriptor names an object and an offset, never a bus address. The object's page table in host memory decides
// which pages the engine may touch and which it may write. This is scatter-gather and protection in one.
//
// Requester 0 reads host memory, requester 1 writes it and so needs a writable entry. A direct-mapped cache stands before
// the walk. An entry that is cached but not writable is walked again for a write, so that granting more needs no
// INVALIDATE; taking away does. An invalidation drops every entry, and a walk under way is not kept.
//
// Latency     2 cycles on a hit; on a miss one bus read a table level more.
// Throughput  1 translation a cycle on hits; a miss holds the ones behind it.
// Ordering    each requester in order.
// Errors      cause 0, TRANSLATION_FAULT, READ_ONLY, WALK_ERROR or WATCHDOG; for the last two {frame, index, 3'b0} is
//             the bus address of the entry.
`default_nettype none
`include "faultline.vh"

module walker #(
    // width of the bus data in bits: 64, 128, 256 or 512
    parameter DATA_W   = 64,
    // log2 of the entries of the translation cache, 5 to 12
    parameter TLB_LOG2 = 6
) (
    input  wire              clk_i,
    input  wire              rst_ni,

    input  wire              invalidate_i,     // pulse: forget every translation

    // requests, packed {writer, reader}
    input  wire [1:0]        req_valid_i,
    output wire [1:0]        req_ready_o,
    input  wire [2*4-1:0]    req_object_i,
    input  wire [2*20-1:0]   req_page_i,
    input  wire [1:0]        req_beyond_i,     // the offset is past 2^32: always a fault

    // answers, packed {writer, reader}
    output wire [1:0]        rsp_valid_o,
    input  wire [1:0]        rsp_ready_i,
    output wire [2*40-1:0]   rsp_frame_o,      // bus address bits 51:12
    output wire [2*9-1:0]    rsp_index_o,      // entry in its table, with WALK_ERROR and WATCHDOG
    output wire [2*8-1:0]    rsp_cause_o,

    // object table of the csr, combinational
    output wire [3:0]        object_index_o,
    input  wire [74:0]       object_i,         // {valid, two_level, pages[20:0], root[63:12]}

    // bus reads of one word
    output wire              ar_valid_o,
    input  wire              ar_ready_i,
    output wire [63:0]       ar_address_o,
    input  wire              r_valid_i,
    input  wire [DATA_W-1:0] r_data_i,
    input  wire [1:0]        r_resp_i,         // 0 OKAY, 1 no answer in time, 2 SLVERR, 3 DECERR

    output wire              hit_o,            // pulses for the counters
    output wire              miss_o
);

    localparam ENTRIES = 1 << TLB_LOG2;
    localparam WORDS   = DATA_W / 64;          // entries a bus word
    localparam [2:0] WORD_MASK = WORDS[2:0] - 3'd1;
    localparam TAG_W   = 24;                   // {object, page}

    localparam S_LOOKUP = 3'd0;                // a hit or a fault is answered here
    localparam S_ADDR   = 3'd1;                // ask for an entry
    localparam S_DATA   = 3'd2;                // wait for it
    localparam S_FILL   = 3'd3;                // remember it
    localparam S_ANSWER = 3'd4;                // answer after a walk

    // ------------------------------------------------------------------------------------------ accept
    wire [1:0] room;                           // the requester's answers have room for one more
    reg        last_q;                         // who was served last
    reg        busy_q;                         // a lookup is in the second stage
    reg        who_q, beyond_q;
    reg [3:0]  object_q;
    reg [19:0] page_q;

    wire       advance;                        // the second stage is free, or becomes so
    wire [1:0] ask = req_valid_i & room;
    wire       who = ask[1] && (!ask[0] || !last_q);

    assign req_ready_o[0] = advance && room[0] && !(ask[1] && !last_q);
    assign req_ready_o[1] = advance && room[1] && !(ask[0] && last_q);
    wire       take = advance && |ask;

    wire [3:0]  object = who ? req_object_i[7:4] : req_object_i[3:0];
    wire [19:0] page   = who ? req_page_i[39:20] : req_page_i[19:0];

    // Neighbouring pages of one object use different entries; objects are spread by their number.
    function [TLB_LOG2-1:0] slot;
        input [3:0]  of_object;
        /* verilator lint_off UNUSEDSIGNAL */
        input [19:0] of_page;   // its high bits do not enter
        /* verilator lint_on UNUSEDSIGNAL */
        begin
            slot = of_page[TLB_LOG2-1:0] ^ {of_object, {(TLB_LOG2 - 4){1'b0}}};
        end
    endfunction

    // ------------------------------------------------------------------------------------------ cache
    reg [TAG_W+40:0]   tlb_mem_q [0:ENTRIES-1];    // {tag, writable, frame}
    reg [ENTRIES-1:0]  tlb_valid_q;
    reg [TAG_W+40:0]   entry_q;
    wire [TLB_LOG2-1:0] here = slot(object_q, page_q);

    wire        tlb_match    = tlb_valid_q[here] && entry_q[TAG_W+40:41] == {object_q, page_q};
    wire        hit          = tlb_match && (!who_q || entry_q[40]);

    assign object_index_o = object_q;
    wire        object_valid = object_i[74];
    wire        two_level    = object_i[73];
    wire [20:0] pages        = object_i[72:52];
    wire [51:0] root         = object_i[51:0];
    wire        outside      = !object_valid || beyond_q || {1'b0, page_q} >= pages;

    // ------------------------------------------------------------------------------------------ walk
    reg [2:0]  state_q;
    reg        directory_q;                    // the entry asked for is one of the directory
    reg        stale_q;                        // an invalidation came while walking
    reg [60:0] entry_address_q;                // in units of 8 bytes
    reg [7:0]  cause_q;
    reg [39:0] frame_q;
    reg        writable_q;

    wire [DATA_W-1:0] lane_data = r_data_i >> {entry_address_q[2:0] & WORD_MASK, 6'd0};
    wire [63:0]       entry     = lane_data[63:0];
    wire              unused    = &{1'b0, lane_data, entry};
    wire [7:0]        entry_cause =
        r_resp_i == 2'd1                                ? `FL_CAUSE_WATCHDOG :
        r_resp_i != 2'd0                                ? `FL_CAUSE_WALK_ERROR :
        !entry[`FL_PAGE_TABLE_ENTRY_VALID]              ? `FL_CAUSE_TRANSLATION_FAULT :
        directory_q                                     ? `FL_CAUSE_NONE :
        (who_q && !entry[`FL_PAGE_TABLE_ENTRY_WRITABLE]) ? `FL_CAUSE_READ_ONLY : `FL_CAUSE_NONE;

    assign ar_valid_o   = state_q == S_ADDR;
    assign ar_address_o = {entry_address_q, 3'd0};

    // ------------------------------------------------------------------------------------------ answer
    wire       now    = busy_q && state_q == S_LOOKUP && (hit || outside);
    wire       answer = now || state_q == S_ANSWER;
    wire [7:0] cause  = state_q == S_ANSWER ? cause_q : outside ? `FL_CAUSE_TRANSLATION_FAULT : `FL_CAUSE_NONE;
    wire       is_bus = cause == `FL_CAUSE_WALK_ERROR || cause == `FL_CAUSE_WATCHDOG;
    wire [39:0] frame = state_q != S_ANSWER ? entry_q[39:0] : is_bus ? entry_address_q[48:9] : frame_q;

    assign advance = !busy_q || answer;
    assign hit_o   = now && !outside;
    assign miss_o  = state_q == S_FILL || (state_q == S_DATA && r_valid_i && entry_cause != `FL_CAUSE_NONE);

    genvar port;
    generate
        for (port = 0; port < 2; port = port + 1) begin : g_answer
            wire [2:0] count;
            wire       mine    = who_q == port;
            wire       ready;                  // always: room is granted before a lookup begins
            wire       unused_ready = &{1'b0, ready};
            // at most one lookup of this requester is between accept and answer
            assign room[port] = count + {2'd0, busy_q && mine} < 3'd4;

            fifo #(.WIDTH(57), .DEPTH_LOG2(2)) u_answers (
                .clk_i   (clk_i),
                .rst_ni  (rst_ni),
                .valid_i (answer && mine),
                .ready_o (ready),
                .data_i  ({cause, entry_address_q[8:0], frame}),
                .valid_o (rsp_valid_o[port]),
                .ready_i (rsp_ready_i[port]),
                .data_o  ({rsp_cause_o[8*port +: 8], rsp_index_o[9*port +: 9], rsp_frame_o[40*port +: 40]}),
                .count_o (count)
            );
        end
    endgenerate

    wire wake = take || busy_q || invalidate_i || !rst_ni;

    always @(posedge clk_i)
        if (wake) begin
            if (take) begin
                who_q    <= who;
                object_q <= object;
                page_q   <= page;
                beyond_q <= who ? req_beyond_i[1] : req_beyond_i[0];
                entry_q  <= tlb_mem_q[slot(object, page)];
            end

            if (state_q == S_FILL)
                tlb_mem_q[here] <= {object_q, page_q, writable_q, frame_q};

            if (!rst_ni) begin
                busy_q      <= 1'b0;
                last_q      <= 1'b0;
                state_q     <= S_LOOKUP;
                tlb_valid_q <= {ENTRIES{1'b0}};
                stale_q     <= 1'b0;
            end else begin
                busy_q <= take || (busy_q && !answer);
                if (take)
                    last_q <= who;

                stale_q <= (stale_q || invalidate_i) && state_q != S_LOOKUP;
                if (invalidate_i)
                    tlb_valid_q <= {ENTRIES{1'b0}};
                else if (state_q == S_FILL && !stale_q)
                    tlb_valid_q[here] <= 1'b1;
                else if (state_q == S_FILL)
                    tlb_valid_q[here] <= 1'b0;

                case (state_q)
                    S_LOOKUP: if (busy_q && !now) state_q <= S_ADDR;
                    S_ADDR:   if (ar_ready_i)     state_q <= S_DATA;
                    S_DATA:   if (r_valid_i)      state_q <= entry_cause != `FL_CAUSE_NONE ? S_ANSWER :
                                                             directory_q ? S_ADDR : S_FILL;
                    S_FILL:   state_q <= S_ANSWER;
                    default:  state_q <= S_LOOKUP;
                endcase
            end

            if (state_q == S_LOOKUP) begin
                directory_q     <= two_level;
                entry_address_q <= {root, 9'd0} + (two_level ? {50'd0, page_q[19:9]} : {41'd0, page_q});
            end
            if (state_q == S_DATA && r_valid_i) begin
                cause_q    <= entry_cause;
                frame_q    <= entry[`FL_PAGE_TABLE_ENTRY_FRAME];
                writable_q <= entry[`FL_PAGE_TABLE_ENTRY_WRITABLE];
                if (entry_cause == `FL_CAUSE_NONE && directory_q) begin
                    directory_q     <= 1'b0;
                    entry_address_q <= {12'd0, entry[`FL_PAGE_TABLE_ENTRY_FRAME], page_q[8:0]};
                end
            end
        end

    initial begin
        if (TLB_LOG2 < 5 || TLB_LOG2 > 12)
            $fatal(1, "%m: TLB_LOG2 is %0d, must be 5 to 12", TLB_LOG2);
    end

endmodule

`default_nettype wire
