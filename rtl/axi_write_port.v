// axi_write_port: several requesters on the write channels of one AXI4 master.
//
// Why: READBACK data and completion records share the bus, each under an ID of its own. W has no ID, so the data follows
// in the order of the addresses: the port remembers whose burst is next, counts its beats and sets WLAST itself.
//
// Answers are taken at once. The watchdog and the soft reset work as in axi_read_port; after `drain_i`, and for a requester
// that the watchdog has given up, the beats that are still owed to the bus are sent without a strobe, so that nothing more
// is written (but for a beat that was on offer already: it may not change).
//
// Latency     1 cycle from request to AWVALID and from data to WVALID, 0 from B to the requester.
// Throughput  1 address and 1 beat a cycle.
// Ordering    data in the order of the accepted addresses; highest requester first.
// Errors      BRESP is passed on: 0 good, 1 no answer in time, 2, 3.
`default_nettype none

module axi_write_port #(
    // data width in bits: 64, 128, 256 or 512
    parameter DATA_W      = 64,
    // width of the AXI ID
    parameter ID_W        = 4,
    // requesters, 2; requester n uses ID n
    parameter PORTS       = 2,
    // log2 of the bursts whose data may be owed to the bus
    parameter BURSTS_LOG2 = 7
) (
    input  wire                      clk_i,
    input  wire                      rst_ni,        // hardware reset
    input  wire                      forget_i,      // pulse, soft reset: answers to what is outstanding are dropped
    input  wire                      drain_i,       // accept no more requests, finish bursts without strobes
    output wire                      drained_o,     // no address and no data waits for the bus
    input  wire [31:0]               watchdog_i,    // cycles without an answer, 0: never
    output wire                      expired_o,     // pulse: the watchdog gave up on a requester

    input  wire [PORTS-1:0]          req_valid_i,
    output wire [PORTS-1:0]          req_ready_o,
    input  wire [PORTS*64-1:0]       req_address_i,
    input  wire [PORTS*8-1:0]        req_len_i,     // beats - 1

    input  wire [PORTS-1:0]          w_valid_i,
    output wire [PORTS-1:0]          w_ready_o,
    input  wire [PORTS*DATA_W-1:0]   w_data_i,
    input  wire [PORTS*DATA_W/8-1:0] w_strb_i,

    output wire [PORTS-1:0]          b_valid_o,
    output wire [1:0]                b_resp_o,

    output wire                      m_axi_awvalid,
    input  wire                      m_axi_awready,
    output wire [ID_W-1:0]           m_axi_awid,
    output wire [63:0]               m_axi_awaddr,
    output wire [7:0]                m_axi_awlen,
    output wire                      m_axi_wvalid,
    input  wire                      m_axi_wready,
    output wire [DATA_W-1:0]         m_axi_wdata,
    output wire [DATA_W/8-1:0]       m_axi_wstrb,
    output wire                      m_axi_wlast,
    input  wire                      m_axi_bvalid,
    output wire                      m_axi_bready,
    input  wire [ID_W-1:0]           m_axi_bid,
    input  wire [1:0]                m_axi_bresp,

    output wire                      w_open_o,      // a burst is open but its data is not there
    output wire [7:0]                outstanding_o  // bursts on the bus, saturates
);

    localparam LANES = DATA_W / 8;

    // ------------------------------------------------------------------------------------------ address
    reg            awvalid_q;
    reg [ID_W-1:0] awid_q;
    reg [63:0]     awaddr_q;
    reg [7:0]      awlen_q;

    wire           order_ready;
    wire [1:0]     gave_up;
    wire [1:0]     silent;                         // to be answered by the port
    wire [1:0]     expired = silent & (~silent + 1'b1);   // being answered now: one requester at a time
    wire           load = !drain_i && order_ready && (!awvalid_q || m_axi_awready) && gave_up == 2'd0 && expired == 2'd0;
    assign         req_ready_o = {load, load && !req_valid_i[1]};
    wire [1:0]     take   = req_valid_i & req_ready_o;
    wire [7:0]     take_len = take[1] ? req_len_i[15:8] : req_len_i[7:0];

    wire aw_wake = |take || awvalid_q || !rst_ni;
    always @(posedge clk_i)
        if (aw_wake) begin
            if (!rst_ni)
                awvalid_q <= 1'b0;
            else if (|take)
                awvalid_q <= 1'b1;
            else if (m_axi_awready)
                awvalid_q <= 1'b0;

            if (|take) begin
                awid_q   <= {{(ID_W - 1){1'b0}}, take[1]};
                awaddr_q <= take[1] ? req_address_i[127:64] : req_address_i[63:0];
                awlen_q  <= take_len;
            end
        end

    assign m_axi_awvalid = awvalid_q;
    assign m_axi_awid    = awid_q;
    assign m_axi_awaddr  = awaddr_q;
    assign m_axi_awlen   = awlen_q;

    // ------------------------------------------------------------------------------------------ data
    wire            order_valid, order_source;
    wire [7:0]      order_len;
    reg             wvalid_q, wlast_q;
    reg [DATA_W-1:0] wdata_q;
    reg [LANES-1:0] wstrb_q;
    reg [7:0]       beat_q;                          // beats of the burst already taken
    wire [1:0]      voided;                           // given up: the requester's next burst goes without strobes

    wire            w_load  = order_valid && (!wvalid_q || m_axi_wready);
    wire            source_valid = order_source ? w_valid_i[1] : w_valid_i[0];
    wire            w_take  = w_load && (source_valid || drain_i);
    wire            w_last  = beat_q == order_len;

    assign w_ready_o = {w_load && order_source, w_load && !order_source};
    assign w_open_o  = order_valid && !source_valid;

    /* verilator lint_off PINCONNECTEMPTY */
    fifo #(.WIDTH(9), .DEPTH_LOG2(BURSTS_LOG2)) u_order (
        .clk_i   (clk_i),
        .rst_ni  (rst_ni),
        .valid_i (|take),
        .ready_o (order_ready),
        .data_i  ({take[1], take_len}),
        .valid_o (order_valid),
        .ready_i (w_take && w_last),
        .data_o  ({order_source, order_len}),
        .count_o ()
    );
    /* verilator lint_on PINCONNECTEMPTY */

    wire w_wake = w_take || wvalid_q || !rst_ni;

    always @(posedge clk_i)
        if (w_wake) begin
            if (!rst_ni) begin
                wvalid_q <= 1'b0;
                beat_q   <= 8'd0;
            end else begin
                if (w_take)
                    wvalid_q <= 1'b1;
                else if (m_axi_wready)
                    wvalid_q <= 1'b0;
                if (w_take)
                    beat_q <= w_last ? 8'd0 : beat_q + 1'b1;
            end

            if (w_take) begin
                wdata_q <= order_source ? w_data_i[2*DATA_W-1:DATA_W] : w_data_i[DATA_W-1:0];
                wstrb_q <= (drain_i || (order_source ? voided[1] : voided[0])) ? {LANES{1'b0}} :
                           order_source ? w_strb_i[2*LANES-1:LANES] : w_strb_i[LANES-1:0];
                wlast_q <= w_last;
            end
        end

    assign m_axi_wvalid = wvalid_q;
    assign m_axi_wdata  = wdata_q;
    assign m_axi_wstrb  = wstrb_q;
    assign m_axi_wlast  = wlast_q;
    assign drained_o    = !awvalid_q && !wvalid_q && !order_valid;

    // ------------------------------------------------------------------------------------------ answers
    wire       answer = m_axi_bvalid && m_axi_bready;

    assign m_axi_bready = ~|expired;
    assign b_resp_o     = |expired ? 2'd1 : m_axi_bresp;
    assign expired_o    = |gave_up;

    genvar port;
    generate
        for (port = 0; port < 2; port = port + 1) begin : g_port
            reg [11:0] owed_q;                       // answers this requester waits for
            reg [11:0] stale_q;                      // answers that will come and are to be dropped first
            reg [31:0] silent_q;                     // cycles since an answer came or data was taken
            reg        expired_q;
            reg [BURSTS_LOG2:0] unsent_q;            // bursts whose last beat has not been taken
            reg [BURSTS_LOG2:0] void_q;              // of these, bursts from before the watchdog gave up

            wire [BURSTS_LOG2:0] sent = {{BURSTS_LOG2{1'b0}}, w_take && w_last && order_source == port};
            assign voided[port] = void_q != {(BURSTS_LOG2 + 1){1'b0}} || gave_up[port];

            wire mine    = answer && m_axi_bid == port;
            wire deliver = mine && stale_q == 12'd0;
            wire waiting = owed_q != 12'd0;

            assign silent[port]    = expired_q && waiting;
            assign b_valid_o[port] = expired[port] || deliver;
            assign gave_up[port]   = waiting && !expired_q && watchdog_i != 32'd0 && silent_q >= watchdog_i;

            wire wake = waiting || mine || take[port] || |unsent_q || expired_q || forget_i || !rst_ni;

            always @(posedge clk_i)
                if (wake) begin
                    if (!rst_ni || forget_i) begin
                        owed_q    <= 12'd0;
                        expired_q <= 1'b0;
                        silent_q  <= 32'd0;
                    end else begin
                        owed_q    <= owed_q + {11'd0, take[port]} - {11'd0, b_valid_o[port]};
                        expired_q <= (expired_q && waiting) || gave_up[port];
                        silent_q  <= (mine || (wvalid_q && m_axi_wready) || !waiting || expired_q) ? 32'd0 :
                                 |expired ? silent_q : silent_q + 1'b1;
                    end

                    if (!rst_ni) begin
                        unsent_q <= {(BURSTS_LOG2 + 1){1'b0}};
                        void_q   <= {(BURSTS_LOG2 + 1){1'b0}};
                    end else begin
                        unsent_q <= unsent_q + {{BURSTS_LOG2{1'b0}}, take[port]} - sent;
                        if (gave_up[port])
                            void_q <= unsent_q - sent;
                        else if (voided[port])
                            void_q <= void_q - sent;
                    end

                    if (!rst_ni)
                        stale_q <= 12'd0;
                    else if ((forget_i && !expired_q) || gave_up[port])   // counted when it expired
                        stale_q <= stale_q + owed_q - {11'd0, mine};
                    else if (mine && !deliver)
                        stale_q <= stale_q - 1'b1;
                end
        end
    endgenerate

    // ------------------------------------------------------------------------------------------ bursts on the bus
    reg [15:0] bursts_q;
    wire burst_wake = |take || answer || !rst_ni;
    always @(posedge clk_i)
        if (burst_wake) begin
            if (!rst_ni)
                bursts_q <= 16'd0;
            else
                bursts_q <= bursts_q + {15'd0, |take} - {15'd0, answer};
        end
    assign outstanding_o = |bursts_q[15:8] ? 8'hFF : bursts_q[7:0];

    initial begin
        if (PORTS != 2)
            $fatal(1, "%m: PORTS is %0d, must be 2", PORTS);
    end

endmodule

`default_nettype wire
