// walker: (object, page) -> bus frame, or the reason why not. No translation, no bus access.
//
// Why: a descriptor names an object and an offset, never a bus address. The object's page table in host memory decides
// which pages the engine may touch and which it may write. This is scatter-gather and protection in one.
//
// Requester 0 reads host memory, requester 1 writes it and so needs a writable entry. Each has a cache of its own, so that
// one's hits go on under the other's miss and neither drives the other's translations out. A walk brings the 64 bytes of
// the table around its entry: a line of eight translations. Who steps forward through an object has the next line fetched
// before it gets there. An entry that is cached but not valid or not writable is walked again, so that granting more needs
// no INVALIDATE; taking away does. An invalidation drops every line, and a walk under way is not kept.
//
// Latency     1 cycle on a hit; on a miss one more, and one bus read a table level, up to its own beat.
// Throughput  a translation a cycle for each requester on hits, but for one cycle a line in which it looks ahead; a miss
//             holds the ones behind it of the same requester.
// Ordering    each requester in order.
// Errors      cause 0, TRANSLATION_FAULT, READ_ONLY, WALK_ERROR or WATCHDOG; for the last two {frame, index, 3'b0} is
//             the bus address of the entry. What goes wrong with an entry that nobody asked for goes unnoticed.
`default_nettype none
`include "faultline.vh"

module walker #(
    // width of the bus data in bits: 64, 128, 256 or 512
    parameter DATA_W   = 64,
    // log2 of the entries of each translation cache, 5 to 12
    parameter TLB_LOG2 = 7
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

    output wire [3:0]        object_index_o,   // csr, combinational
    input  wire [74:0]       object_i,         // {valid, two_level, pages[20:0], root[63:12]}

    output wire              ar_valid_o,       // axi_read_port
    input  wire              ar_ready_i,
    output wire [63:0]       ar_address_o,
    output wire [7:0]        ar_len_o,
    input  wire              r_valid_i,        // taken at once
    input  wire [DATA_W-1:0] r_data_i,
    input  wire [1:0]        r_resp_i,

    output wire [1:0]        hit_o,            // pulses for the counters, one a requester
    output wire              miss_o
);

    localparam WORDS  = DATA_W / 64;           // entries a bus word
    localparam BEATS  = 8 / WORDS;             // bus words a line
    localparam BEAT_W = $clog2(BEATS);
    localparam WORD_W = $clog2(WORDS);
    localparam LINE_W = TLB_LOG2 - 3;
    localparam LINES  = 1 << LINE_W;
    localparam TAG_W  = 4 + 17;                // {object, line of the object}
    localparam [2:0] LAST_BEAT = BEATS[2:0] - 3'd1;
    localparam [2:0] WORD_MASK = WORDS[2:0] - 3'd1;

    localparam S_IDLE   = 3'd0;                // choose a walk
    localparam S_OBJECT = 3'd1;                // its object decides whether there is one
    localparam S_ADDR   = 3'd2;                // ask for an entry or a line of them
    localparam S_DATA   = 3'd3;                // take them
    localparam S_KEEP   = 3'd4;                // the line is whole: from the next cycle on it is found
    localparam S_SEEN   = 3'd5;                // who waits for this line finds it

    // Neighbouring lines of one object use different places; objects are spread far apart by their number.
    function [LINE_W-1:0] place;
        input [3:0]  of_object;
        /* verilator lint_off UNUSEDSIGNAL */
        input [16:0] of_line;                  // its high bits do not enter
        reg   [LINE_W+3:0] spread;
        /* verilator lint_on UNUSEDSIGNAL */
        begin
            spread = {of_object[0], of_object[1], of_object[2], of_object[3], {LINE_W{1'b0}}};
            place  = of_line[LINE_W-1:0] ^ spread[LINE_W+3:4];
        end
    endfunction

    // ------------------------------------------------------------------------------------------ walk: what it shows
    reg [2:0]  state_q;
    reg        who_q, demand_q;                // for whom; somebody waits for the answer
    reg [3:0]  object_q;
    reg [19:0] page_q;
    reg        directory_q;                    // the entry asked for is one of the directory
    reg        stale_q;                        // an invalidation came while walking
    reg [51:0] table_q;                        // bus address of the table's page, bits 63:12
    reg [2:0]  beat_q;
    reg [3:0]  lanes_q;                        // entries of the line that lie inside the object

    wire [8:0]        index      = directory_q ? page_q[17:9] : page_q[8:0];  // entry in that page
    wire [LINE_W-1:0] here       = place(object_q, page_q[19:3]);
    wire              fill       = state_q == S_DATA && r_valid_i && !directory_q;
    wire              my_beat    = directory_q || beat_q == index[2:0] >> WORD_W;
    wire [LINE_W+2:0] fill_at    = ({3'd0, here} << BEAT_W) | {{LINE_W{1'b0}}, beat_q};
    wire              last_beat  = directory_q || beat_q == LAST_BEAT;
    wire [2:0]        lane       = index[2:0] & WORD_MASK;   // of the entry in its bus word
    wire [DATA_W-1:0] lane_data  = r_data_i >> {lane, 6'd0};
    wire [63:0]       entry      = lane_data[63:0];
    wire [7:0]        entry_cause =
        r_resp_i == 2'd1                                ? `FL_CAUSE_WATCHDOG :
        r_resp_i != 2'd0                                ? `FL_CAUSE_WALK_ERROR :
        !entry[`FL_PAGE_TABLE_ENTRY_VALID]              ? `FL_CAUSE_TRANSLATION_FAULT :
        directory_q                                     ? `FL_CAUSE_NONE :
        (who_q && !entry[`FL_PAGE_TABLE_ENTRY_WRITABLE]) ? `FL_CAUSE_READ_ONLY : `FL_CAUSE_NONE;
    wire              unused_bits = &{1'b0, lane_data, entry, fill_at};
    wire              wrong      = entry_cause != `FL_CAUSE_NONE;

    wire        object_valid = object_i[74];
    wire        two_level    = object_i[73];
    wire [20:0] pages        = object_i[72:52];
    wire [51:0] root         = object_i[51:0];
    wire        outside      = !object_valid || {1'b0, page_q} >= pages;

    // the walk's answer to the one who waits: a refusal, or the entry as soon as it is here
    wire        told       = demand_q && ((state_q == S_OBJECT && outside) ||
                                          (state_q == S_DATA && r_valid_i && my_beat && (!directory_q || wrong)));
    wire [7:0]  told_cause = state_q == S_OBJECT ? `FL_CAUSE_TRANSLATION_FAULT : entry_cause;
    wire        told_bus   = told_cause == `FL_CAUSE_WALK_ERROR || told_cause == `FL_CAUSE_WATCHDOG;
    wire [39:0] told_frame = told_bus ? table_q[39:0] : entry[`FL_PAGE_TABLE_ENTRY_FRAME];

    // one bus word of translations for the cache: {valid, writable, frame} each
    wire [42*WORDS-1:0] fill_data;
    genvar w;
    generate
        for (w = 0; w < WORDS; w = w + 1) begin : g_fill
            wire [63:0] word   = r_data_i[64*w +: 64];
            wire [2:0]  number = (beat_q << WORD_W) | w[2:0];
            wire        good   = r_resp_i == 2'd0 && word[`FL_PAGE_TABLE_ENTRY_VALID] && {1'b0, number} < lanes_q;
            wire        unused_word = &{1'b0, word};
            assign fill_data[42*w +: 42] = {good, word[`FL_PAGE_TABLE_ENTRY_WRITABLE], word[`FL_PAGE_TABLE_ENTRY_FRAME]};
        end
    endgenerate

    // ------------------------------------------------------------------------------------------ cache
    wire [1:0]  want_walk, want_line;          // a miss; the line after, probably soon
    wire [39:0] want_page, next_page;          // packed {writer, reader}
    wire [7:0]  want_object, next_object;
    wire [1:0]  line_taken;

    genvar p;
    generate
        for (p = 0; p < 2; p = p + 1) begin : g_look
            (* no_rw_check *)          // while a line is written it is not valid
            reg [42*WORDS-1:0] mem_q [0:LINES*BEATS-1];
            reg [TAG_W-1:0]    tag_q [0:LINES-1];
            reg [LINES-1:0]    valid_q;
            wire               walks = who_q == p;     // the walk is for this requester
            reg [42*WORDS-1:0] word_q;
            reg                busy_q, beyond_q, probe_q;
            reg [3:0]          of_object_q;
            reg [19:0]         of_page_q;

            // ---- accept: a request, or a look whether the next line is there
            wire        free;                  // the second stage is, or becomes so
            wire        room;
            reg         ahead_q;               // a line to look for
            reg [3:0]   ahead_object_q;
            reg [16:0]  ahead_line_q;
            wire        probe = free && ahead_q;
            wire        take  = free && !ahead_q && room && req_valid_i[p];
            wire [3:0]  object = busy_q && !free ? of_object_q : take ? req_object_i[4*p +: 4] : ahead_object_q;
            wire [19:0] page   = busy_q && !free ? of_page_q   : take ? req_page_i[20*p +: 20] : {ahead_line_q, 3'd0};
            wire [LINE_W+2:0] look_at = {place(object, page[19:3]), page[2:0]};

            assign req_ready_o[p] = free && !ahead_q && room;

            // ---- find: again in every cycle until the line is there
            wire [LINE_W-1:0]    at    = place(of_object_q, of_page_q[19:3]);
            wire                 match = valid_q[at] && tag_q[at] == {of_object_q, of_page_q[19:3]};
            wire [2:0]           which = of_page_q[2:0] & WORD_MASK;
            wire [42*WORDS-1:0]  moved = word_q >> (42 * which);
            wire                 hit   = match && moved[41] && (p == 0 || moved[40]);
            wire                 unused_ready;
            wire                 unused_look = &{1'b0, moved, look_at, unused_ready};

            wire mine    = told && who_q == p && busy_q && !probe_q;   // the walk answers
            wire direct  = busy_q && !probe_q && (beyond_q || hit);
            wire answer  = mine || direct;
            wire looked  = busy_q && probe_q;

            assign free            = !busy_q || answer || looked;
            assign want_walk[p]    = busy_q && !probe_q && !answer;
            assign want_object[4*p +: 4]  = of_object_q;
            assign want_page[20*p +: 20]  = of_page_q;
            assign hit_o[p]        = direct && !beyond_q;

            // ---- the line after: forward steps of at most a line ask for it once
            reg         asked_q;               // somebody should fetch it
            reg         known_q;               // {last object, last page} say something
            reg         ever_q;                // and so does the line to look for
            reg [3:0]   last_object_q;
            reg [19:0]  last_page_q;
            wire [19:0] step    = of_page_q - last_page_q;
            wire        forward = answer && known_q && last_object_q == of_object_q && step != 20'd0 && step <= 20'd8;
            wire [16:0] after   = of_page_q[19:3] + 1'b1;
            wire        fresh   = forward && |after && !(ever_q && {ahead_object_q, ahead_line_q} == {of_object_q, after});

            assign want_line[p]          = asked_q;
            assign next_object[4*p +: 4] = ahead_object_q;
            assign next_page[20*p +: 20] = {ahead_line_q, 3'd0};

            wire wake = take || probe || busy_q || asked_q || !rst_ni;

            always @(posedge clk_i) begin
                if (fill && walks)
                    mem_q[fill_at[LINE_W+BEAT_W-1:0]] <= fill_data;
                if (wake) begin
                    word_q <= mem_q[look_at[LINE_W+2:WORD_W]];

                    if (take || probe) begin
                        of_object_q <= take ? req_object_i[4*p +: 4] : ahead_object_q;
                        of_page_q   <= take ? req_page_i[20*p +: 20] : {ahead_line_q, 3'd0};
                        beyond_q    <= req_beyond_i[p];
                        probe_q     <= probe;
                    end
                    if (answer) begin
                        last_object_q <= of_object_q;
                        last_page_q   <= of_page_q;
                    end
                    if (fresh) begin
                        ahead_object_q <= of_object_q;
                        ahead_line_q   <= after;
                    end

                    if (!rst_ni) begin
                        busy_q  <= 1'b0;
                        ahead_q <= 1'b0;
                        asked_q <= 1'b0;
                        known_q <= 1'b0;
                        ever_q  <= 1'b0;
                    end else begin
                        busy_q  <= take || probe || (busy_q && !free);
                        known_q <= known_q || answer;
                        ever_q  <= ever_q || fresh;
                        ahead_q <= fresh || (ahead_q && !probe);
                        asked_q <= (looked && !match) || (asked_q && !line_taken[p] && !fresh);
                    end
                end
            end

            // ---- lines: one that is being replaced is not found, nor is one from before an invalidation
            wire change = invalidate_i || (walks && (state_q == S_ADDR || state_q == S_KEEP)) || !rst_ni;

            always @(posedge clk_i)
                if (change) begin
                    if (walks && state_q == S_KEEP)
                        tag_q[here] <= {object_q, page_q[19:3]};

                    if (!rst_ni || invalidate_i)
                        valid_q <= {LINES{1'b0}};
                    else if (state_q == S_ADDR)
                        valid_q[here] <= 1'b0;
                    else
                        valid_q[here] <= !stale_q;
                end

            // ---- answers
            // What is found goes past an empty queue; what a walk brings does not, so that the bus read is not in the path.
            wire [2:0]  count;
            wire        queued;
            wire        pass = direct && !queued;
            wire [56:0] told_answer = {told_cause, index, told_frame};
            wire [56:0] found       = {beyond_q ? `FL_CAUSE_TRANSLATION_FAULT : `FL_CAUSE_NONE, 9'd0, moved[39:0]};
            wire [56:0] oldest;
            assign room = count + {2'd0, busy_q} < 3'd4;

            fifo #(.WIDTH(57), .DEPTH_LOG2(2)) u_answers (
                .clk_i   (clk_i),
                .rst_ni  (rst_ni),
                .valid_i (answer && !(pass && rsp_ready_i[p])),
                .ready_o (unused_ready),
                .data_i  (mine ? told_answer : found),
                .valid_o (queued),
                .ready_i (rsp_ready_i[p]),
                .data_o  (oldest),
                .count_o (count)
            );

            assign rsp_valid_o[p] = queued || pass;
            assign {rsp_cause_o[8*p +: 8], rsp_index_o[9*p +: 9], rsp_frame_o[40*p +: 40]} = queued ? oldest : found;
        end
    endgenerate

    // ------------------------------------------------------------------------------------------ walk
    wire       begin_walk = state_q == S_IDLE && (|want_walk || |want_line);
    wire       demand     = |want_walk;
    wire [1:0] asking     = demand ? want_walk : want_line;
    wire       who        = asking[1] && (!asking[0] || !who_q);

    assign line_taken     = {begin_walk && !demand && who, begin_walk && !demand && !who};
    assign object_index_o = object_q;
    assign ar_valid_o     = state_q == S_ADDR;
    assign ar_address_o   = {table_q, index[8:3], directory_q ? index[2:0] : 3'd0, 3'd0};
    assign ar_len_o       = directory_q ? 8'd0 : {5'd0, LAST_BEAT};
    assign miss_o         = told && state_q == S_DATA;

    wire wake = state_q != S_IDLE || begin_walk || invalidate_i || !rst_ni;

    always @(posedge clk_i)
        if (wake) begin
            if (!rst_ni) begin
                state_q <= S_IDLE;
                who_q   <= 1'b0;
                stale_q <= 1'b0;
            end else begin
                stale_q <= (stale_q || invalidate_i) && state_q != S_IDLE;
                case (state_q)
                    S_IDLE:   if (begin_walk) begin
                                  state_q <= S_OBJECT;
                                  who_q   <= who;
                              end
                    S_OBJECT: state_q <= outside ? S_SEEN : S_ADDR;
                    S_ADDR:   if (ar_ready_i) state_q <= S_DATA;
                    S_DATA:   if (r_valid_i && last_beat) state_q <= !directory_q ? S_KEEP : wrong ? S_SEEN : S_ADDR;
                    S_KEEP:   state_q <= S_SEEN;
                    default:  state_q <= S_IDLE;
                endcase
            end

            if (begin_walk) begin
                demand_q <= demand;
                object_q <= demand ? (who ? want_object[7:4] : want_object[3:0]) : (who ? next_object[7:4] : next_object[3:0]);
                page_q   <= demand ? (who ? want_page[39:20] : want_page[19:0])  : (who ? next_page[39:20] : next_page[19:0]);
            end
            if (state_q == S_OBJECT) begin
                directory_q <= two_level;
                table_q     <= root + (two_level ? {50'd0, page_q[19:18]} : {41'd0, page_q[19:9]});
                lanes_q     <= pages[20:3] == {1'b0, page_q[19:3]} ? {1'b0, pages[2:0]} : 4'd8;
                beat_q      <= 3'd0;
            end
            if (state_q == S_DATA && r_valid_i) begin
                beat_q   <= beat_q + 1'b1;
                if (told)
                    demand_q <= 1'b0;
                if (directory_q) begin
                    directory_q <= 1'b0;
                    table_q     <= {12'd0, entry[`FL_PAGE_TABLE_ENTRY_FRAME]};
                    beat_q      <= 3'd0;
                end
            end
        end

    initial begin
        if (TLB_LOG2 < 5 || TLB_LOG2 > 12)
            $fatal(1, "%m: TLB_LOG2 is %0d, must be 5 to 12", TLB_LOG2);
    end

endmodule

`default_nettype wire
