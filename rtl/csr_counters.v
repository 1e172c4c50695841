// csr_counters: the event counters and the latency histogram.
//
// Why: 32 counters of 32 bits that all may count in one cycle would be 1024 flops and as many adders. Here only the low
// bits of an event counter are flops; what they carry is gathered into a RAM, one counter a cycle in turn, long before
// they come round again. A histogram bucket is a word of a RAM at once, because one transfer at most ends in a cycle.
//
// Latency     an event shows in a read the cycle after, in a bucket 2 cycles after; reads are combinational and exact at any
//             time.
// Throughput  all events every cycle, one of them twice; a bucket and a read every second cycle.
// Ordering    none: counters.
// Errors      none: counters wrap.
`default_nettype none

module csr_counters (
    input  wire        clk_i,
    input  wire        clear_i,     // set every counter to 0; also needed after power-up

    input  wire [15:0] count_i,     // a bit a counter in register order; a bit high counts this cycle
    input  wire        again_i,     // counter 13 counts twice, if at all
    input  wire [15:0] latency_i,   // at most one bit a cycle, not in two cycles running: the bucket that counts

    input  wire        read_i,      // not in two cycles running
    input  wire [4:0]  rd_index_i,  // 0 to 15 the event counters, 16 to 31 the buckets
    output wire [31:0] rd_data_o    // 0 unless read_i
);
    // A turn takes 32 cycles when every second one goes to a read, and no counter gains more than 64 in that time.
    localparam LOW_W = 7;
    localparam [LOW_W-1:0] ONE = 1;

    // ------------------------------------------------------------------------------------------ events
    reg  [LOW_W-1:0]    low_q [0:15];
    (* ram_style = "distributed" *)
    reg  [31:0]         whole_q [0:15];             // each counter as it was when its turn came
    reg  [3:0]          turn_q;
    reg                 clearing_q;                 // whole_q is not 0 everywhere yet, but counts as 0

    wire                visit = read_i || |count_i || clearing_q;
    wire [3:0]          index = read_i ? rd_index_i[3:0] : turn_q;
    wire [31:0]         whole = whole_q[index];
    wire [LOW_W-1:0]    low = low_q[index];
    wire                carry = low < whole[LOW_W-1:0];
    wire [31-LOW_W:0]   high  = whole[31:LOW_W] + {{(31 - LOW_W){1'b0}}, carry};

    wire [31:0]         count = {clearing_q ? {(32 - LOW_W){1'b0}} : high, low};

    wire                wake = clear_i || visit;
    integer             n;

    always @(posedge clk_i)
        if (wake) begin
            // Line by line and in groups, because an event-driven simulator pays for each bit that it looks at.
            if (clear_i)
                for (n = 0; n < 16; n = n + 1)
                    low_q[n] <= {LOW_W{1'b0}};
            else begin
                if (|count_i[3:0]) begin
                    if (count_i[0])  low_q[0]  <= low_q[0] + ONE;
                    if (count_i[1])  low_q[1]  <= low_q[1] + ONE;
                    if (count_i[2])  low_q[2]  <= low_q[2] + ONE;
                    if (count_i[3])  low_q[3]  <= low_q[3] + ONE;
                end
                if (|count_i[7:4]) begin
                    if (count_i[4])  low_q[4]  <= low_q[4] + ONE;
                    if (count_i[5])  low_q[5]  <= low_q[5] + ONE;
                    if (count_i[6])  low_q[6]  <= low_q[6] + ONE;
                    if (count_i[7])  low_q[7]  <= low_q[7] + ONE;
                end
                if (|count_i[11:8]) begin
                    if (count_i[8])  low_q[8]  <= low_q[8] + ONE;
                    if (count_i[9])  low_q[9]  <= low_q[9] + ONE;
                    if (count_i[10]) low_q[10] <= low_q[10] + ONE;
                    if (count_i[11]) low_q[11] <= low_q[11] + ONE;
                end
                if (|count_i[15:12]) begin
                    if (count_i[12]) low_q[12] <= low_q[12] + ONE;
                    if (count_i[13]) low_q[13] <= low_q[13] + {{(LOW_W - 2){1'b0}}, again_i, !again_i};
                    if (count_i[14]) low_q[14] <= low_q[14] + ONE;
                    if (count_i[15]) low_q[15] <= low_q[15] + ONE;
                end
            end

            if (visit)
                whole_q[index] <= count;

            if (clear_i) begin
                turn_q     <= 4'd0;
                clearing_q <= 1'b1;
            end else if (!read_i) begin
                turn_q <= turn_q + 4'd1;
                if (turn_q == 4'd15)
                    clearing_q <= 1'b0;
            end
        end

    // ------------------------------------------------------------------------------------------ histogram
    // A bucket whose bit in used_q is 0 counts as 0.
    (* ram_style = "distributed" *)
    reg  [31:0] bucket_q [0:15];
    reg  [15:0] used_q;
    wire [3:0]  bucket = {|latency_i[15:8],
                          |{latency_i[15:12], latency_i[7:4]},
                          |{latency_i[15:14], latency_i[11:10], latency_i[7:6], latency_i[3:2]},
                          |{latency_i[15], latency_i[13], latency_i[11], latency_i[9],
                            latency_i[7], latency_i[5], latency_i[3], latency_i[1]}};
    reg         add_q;                              // old_q + 1 goes to bucket_no_q
    reg  [3:0]  bucket_no_q;
    reg  [31:0] old_q;

    wire        wake_bucket = clear_i || |latency_i || add_q;

    always @(posedge clk_i)
        if (wake_bucket) begin
            add_q <= |latency_i && !clear_i;
            if (clear_i)
                used_q <= 16'b0;
            else if (add_q)
                used_q[bucket_no_q] <= 1'b1;
            if (add_q)
                bucket_q[bucket_no_q] <= old_q + 32'd1;
            if (|latency_i) begin
                bucket_no_q <= bucket;
                old_q       <= |(used_q & latency_i) ? bucket_q[bucket] : 32'b0;
            end
        end

    wire        rd_count  = read_i && !rd_index_i[4];
    wire        rd_bucket = read_i && rd_index_i[4] && used_q[rd_index_i[3:0]];

    assign rd_data_o = rd_count ? count : rd_bucket ? bucket_q[rd_index_i[3:0]] : 32'b0;

endmodule

`default_nettype wire
