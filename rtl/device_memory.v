// device_memory: the device's own memory, four banks wide, shared by the movers and the renderer.
//
// Why: nothing but the engine reaches these bytes. Drawing and DMA run at the same time, so each side has a read and
// a write port, and consecutive 64-byte units lie in different banks so that the two rarely meet.
//
//   bank          address[7:6]
//   word in bank  {address >> 8, address[5:log2(DATA_W/8)]}
//
// Latency     read data exactly 2 cycles after the address was accepted; there is no back-pressure on data, so a
//             requester asks only for what it has room for. A write is seen by every read accepted in a later cycle; a
//             read accepted in the same cycle as a write of the same word gives the old word.
// Throughput  every port a word a cycle while the two of a kind use different banks; on one bank they alternate.
// Ordering    each port in order.
// Errors      an address at or past 2^DEVICE_LOG2: a write is dropped, a read gives zeros, range_o pulses.
`default_nettype none

module device_memory #(
    // width of a word in bits: 64, 128, 256 or 512
    parameter DATA_W      = 64,
    // log2 of the size in bytes, 12 to 31
    parameter DEVICE_LOG2 = 24
) (
    input  wire                  clk_i,
    input  wire                  rst_ni,           // synchronous, active low; contents stay

    // Ports are packed {render, mover}. Addresses are byte addresses, multiples of DATA_W/8.
    input  wire [1:0]            rd_valid_i,
    output wire [1:0]            rd_ready_o,       // does not look at the port's own valid
    input  wire [2*32-1:0]       rd_address_i,
    output wire [1:0]            rd_data_valid_o,
    output wire [2*DATA_W-1:0]   rd_data_o,

    input  wire [1:0]            wr_valid_i,
    output wire [1:0]            wr_ready_o,       // does not look at the port's own valid
    input  wire [2*32-1:0]       wr_address_i,
    input  wire [2*DATA_W-1:0]   wr_data_i,
    input  wire [2*DATA_W/8-1:0] wr_strb_i,

    output wire                  conflict_o,       // this cycle an access waits for its bank
    output wire                  range_o           // pulse: an access beyond the end was accepted a cycle ago
);
    localparam BANKS     = 4;
    localparam BYTES     = DATA_W / 8;
    localparam BYTE_LOG2 = $clog2(BYTES);
    localparam WORD_LOG2 = DEVICE_LOG2 - 2 - BYTE_LOG2;  // words a bank, log2
    localparam WORDS     = 1 << WORD_LOG2;

    // ------------------------------------------------------------------------------------------ arbitration
    // favour_*_q names the port that wins the next meeting; the winner of one yields in the next.
    reg  favour_rd_q, favour_wr_q;

    wire [31:0] rd_address_0 = rd_address_i[0  +: 32];
    wire [31:0] rd_address_1 = rd_address_i[32 +: 32];
    wire [31:0] wr_address_0 = wr_address_i[0  +: 32];
    wire [31:0] wr_address_1 = wr_address_i[32 +: 32];

    wire rd_same_bank = rd_address_0[7:6] == rd_address_1[7:6];
    wire wr_same_bank = wr_address_0[7:6] == wr_address_1[7:6];

    assign rd_ready_o[0] = !(rd_valid_i[1] && rd_same_bank &&  favour_rd_q);
    assign rd_ready_o[1] = !(rd_valid_i[0] && rd_same_bank && !favour_rd_q);
    assign wr_ready_o[0] = !(wr_valid_i[1] && wr_same_bank &&  favour_wr_q);
    assign wr_ready_o[1] = !(wr_valid_i[0] && wr_same_bank && !favour_wr_q);

    wire rd_meet = &rd_valid_i && rd_same_bank;
    wire wr_meet = &wr_valid_i && wr_same_bank;

    assign conflict_o = rd_meet || wr_meet;

    wire [1:0] rd_accept = rd_valid_i & rd_ready_o;
    wire [1:0] wr_accept = wr_valid_i & wr_ready_o;

    // Byte in the bank: the bank's bits taken out. Word in the bank: without the byte lane, which strobes select.
    wire [DEVICE_LOG2-3:0] rd_place_0 = {rd_address_0[DEVICE_LOG2-1:8], rd_address_0[5:0]};
    wire [DEVICE_LOG2-3:0] rd_place_1 = {rd_address_1[DEVICE_LOG2-1:8], rd_address_1[5:0]};
    wire [DEVICE_LOG2-3:0] wr_place_0 = {wr_address_0[DEVICE_LOG2-1:8], wr_address_0[5:0]};
    wire [DEVICE_LOG2-3:0] wr_place_1 = {wr_address_1[DEVICE_LOG2-1:8], wr_address_1[5:0]};

    wire [WORD_LOG2-1:0]   rd_word_0  = rd_place_0[DEVICE_LOG2-3:BYTE_LOG2];
    wire [WORD_LOG2-1:0]   rd_word_1  = rd_place_1[DEVICE_LOG2-3:BYTE_LOG2];
    wire [WORD_LOG2-1:0]   wr_word_0  = wr_place_0[DEVICE_LOG2-3:BYTE_LOG2];
    wire [WORD_LOG2-1:0]   wr_word_1  = wr_place_1[DEVICE_LOG2-3:BYTE_LOG2];

    wire unused = &{1'b0, rd_place_0[BYTE_LOG2-1:0], rd_place_1[BYTE_LOG2-1:0],
                          wr_place_0[BYTE_LOG2-1:0], wr_place_1[BYTE_LOG2-1:0]};

    // ------------------------------------------------------------------------------------------ range
    wire [1:0] rd_beyond = {|(rd_address_1 >> DEVICE_LOG2), |(rd_address_0 >> DEVICE_LOG2)};
    wire [1:0] wr_beyond = {|(wr_address_1 >> DEVICE_LOG2), |(wr_address_0 >> DEVICE_LOG2)};

    reg range_q;
    assign range_o = range_q;

    // ------------------------------------------------------------------------------------------ banks
    function [DATA_W-1:0] merged;  // the bytes that are written, beside those that stay
        input [DATA_W-1:0] old, written;
        input [BYTES-1:0]  strobes;
        integer            b;
        if (&strobes)
            merged = written;
        else
            for (b = 0; b < BYTES; b = b + 1)
                merged[8*b +: 8] = strobes[b] ? written[8*b +: 8] : old[8*b +: 8];
    endfunction

    wire [DATA_W-1:0] bank_data [0:BANKS-1];

    genvar i;
    generate
        for (i = 0; i < BANKS; i = i + 1) begin : g_bank
            // At most one port of a kind is accepted for this bank in a cycle.
            wire [1:0] bank_rd = {rd_accept[1] && rd_address_1[7:6] == i, rd_accept[0] && rd_address_0[7:6] == i};
            wire [1:0] bank_wr = {wr_accept[1] && wr_address_1[7:6] == i && !wr_beyond[1],
                                  wr_accept[0] && wr_address_0[7:6] == i && !wr_beyond[0]};

            wire                 reads   = |bank_rd;
            wire                 writes  = |bank_wr;

            wire [WORD_LOG2-1:0] rd_word = bank_rd[1] ? rd_word_1 : rd_word_0;
            wire [WORD_LOG2-1:0] wr_word = bank_wr[1] ? wr_word_1 : wr_word_0;

            reg  [DATA_W-1:0] mem_q [0:WORDS-1];
            reg  [DATA_W-1:0] rd_data_q;
            integer           k;

            // One assignment of a whole word, because an event-driven simulator pays for each byte of its own; it chooses
            // the data only when they are written.
            always @(posedge clk_i) begin
                if (writes)
                    mem_q[wr_word] <= merged(mem_q[wr_word],
                                             bank_wr[1] ? wr_data_i[DATA_W +: DATA_W] : wr_data_i[0 +: DATA_W],
                                             bank_wr[1] ? wr_strb_i[BYTES  +: BYTES]  : wr_strb_i[0 +: BYTES]);
                if (reads)
                    rd_data_q <= mem_q[rd_word];
            end

            assign bank_data[i] = rd_data_q;

`ifndef SYNTHESIS
            // A simulation starts from zeros, so that two simulators agree on bytes nobody has drawn.
            initial
                for (k = 0; k < WORDS; k = k + 1)
                    mem_q[k] = {DATA_W{1'b0}};
`endif
        end
    endgenerate

    // ------------------------------------------------------------------------------------------ read data
    // Stage 1 runs beside the bank's own register, stage 2 holds the chosen bank's word.
    reg  [1:0]        rd_pending_q, rd_zero_q, rd_valid_q;
    reg  [1:0]        rd_bank_0_q, rd_bank_1_q;
    reg  [DATA_W-1:0] rd_data_0_q, rd_data_1_q;

    assign rd_data_valid_o = rd_valid_q;
    assign rd_data_o       = {rd_data_1_q, rd_data_0_q};

    wire wake = |rd_valid_i || |wr_valid_i || |rd_pending_q || |rd_valid_q || range_q || !rst_ni;

    always @(posedge clk_i)
        if (wake) begin
            if (!rst_ni) begin
                favour_rd_q  <= 1'b0;
                favour_wr_q  <= 1'b0;
                rd_pending_q <= 2'b00;
                rd_valid_q   <= 2'b00;
                range_q      <= 1'b0;
            end else begin
                if (rd_meet)
                    favour_rd_q <= !favour_rd_q;
                if (wr_meet)
                    favour_wr_q <= !favour_wr_q;
                rd_pending_q <= rd_accept;
                rd_valid_q   <= rd_pending_q;
                range_q      <= |(rd_accept & rd_beyond) || |(wr_accept & wr_beyond);
            end

            rd_zero_q   <= rd_beyond;
            rd_bank_0_q <= rd_address_0[7:6];
            rd_bank_1_q <= rd_address_1[7:6];
            if (rd_pending_q[0])
                rd_data_0_q <= rd_zero_q[0] ? {DATA_W{1'b0}} : bank_data[rd_bank_0_q];
            if (rd_pending_q[1])
                rd_data_1_q <= rd_zero_q[1] ? {DATA_W{1'b0}} : bank_data[rd_bank_1_q];
        end

    initial begin
        if (DATA_W != 64 && DATA_W != 128 && DATA_W != 256 && DATA_W != 512)
            $fatal(1, "%m: DATA_W is %0d, must be 64, 128, 256 or 512", DATA_W);
        if (DEVICE_LOG2 < 12 || DEVICE_LOG2 > 31)
            $fatal(1, "%m: DEVICE_LOG2 is %0d, must be 12 to 31", DEVICE_LOG2);
    end

endmodule

`default_nettype wire
