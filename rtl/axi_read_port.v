// axi_read_port: several requesters on the read channels of one AXI4 master.
//
// Why: WRITEBACK data, the two rings and the walker share the bus, each under an ID of its own, so that a slow answer to
// one does not hold up another. Requesters take every beat at once (they only ask for what they have room for), so
// RREADY is high and no read data is ever refused.
//
// The watchdog lives here: when a requester's oldest read has had no beat for `watchdog_i` cycles, the port answers all of
// its outstanding beats itself with response 1, and later drops the real ones should they come. Nobody else needs to
// know that a memory may be silent. After a soft reset the same count drops what was asked for before it.
//
// Latency     1 cycle from request to ARVALID, 0 from R to the requester.
// Throughput  1 address and 1 beat a cycle.
// Ordering    each ID in order; requests of several requesters: highest number first.
// Errors      RRESP is passed on: 0 good, 1 no answer in time (never seen on the bus: EXOKAY is not asked for), 2, 3.
`default_nettype none

module axi_read_port #(
    // data width in bits: 64, 128, 256 or 512
    parameter DATA_W = 64,
    // width of the AXI ID
    parameter ID_W   = 4,
    // requesters, at most 2^ID_W; requester n uses ID n
    parameter PORTS  = 4
) (
    input  wire                  clk_i,
    input  wire                  rst_ni,            // hardware reset
    input  wire                  forget_i,          // pulse, soft reset: answers to what is outstanding are dropped
    input  wire                  drain_i,           // accept no more requests
    output wire                  drained_o,         // no address waits for the bus
    input  wire [31:0]           watchdog_i,        // cycles without an answer, 0: never
    output wire                  expired_o,         // pulse: the watchdog gave up on a requester

    input  wire [PORTS-1:0]      req_valid_i,
    output wire [PORTS-1:0]      req_ready_o,
    input  wire [PORTS*64-1:0]   req_address_i,
    input  wire [PORTS*8-1:0]    req_len_i,         // beats - 1

    output wire [PORTS-1:0]      r_valid_o,
    output wire [DATA_W-1:0]     r_data_o,
    output wire [1:0]            r_resp_o,

    output wire                  m_axi_arvalid,
    input  wire                  m_axi_arready,
    output wire [ID_W-1:0]       m_axi_arid,
    output wire [63:0]           m_axi_araddr,
    output wire [7:0]            m_axi_arlen,
    input  wire                  m_axi_rvalid,
    output wire                  m_axi_rready,
    input  wire [ID_W-1:0]       m_axi_rid,
    input  wire [DATA_W-1:0]     m_axi_rdata,
    input  wire [1:0]            m_axi_rresp,
    input  wire                  m_axi_rlast,

    output wire [7:0]            outstanding_o      // bursts on the bus, saturates
);

    localparam COUNT_W = 17;                        // beats outstanding of one requester

    // ------------------------------------------------------------------------------------------ address
    reg              arvalid_q;
    reg [ID_W-1:0]   arid_q;
    reg [63:0]       araddr_q;
    reg [7:0]        arlen_q;

    wire             load = !drain_i && (!arvalid_q || m_axi_arready);
    wire [PORTS-1:0] take = req_valid_i & req_ready_o;

    reg [ID_W-1:0]   next_id;
    reg [63:0]       next_address;
    reg [7:0]        next_len;
    integer          i;
    always @* begin
        next_id      = {ID_W{1'b0}};
        next_address = 64'd0;
        next_len     = 8'd0;
        for (i = 0; i < PORTS; i = i + 1)
            if (take[i]) begin
                next_id      = i[ID_W-1:0];
                next_address = req_address_i[64*i +: 64];
                next_len     = req_len_i[8*i +: 8];
            end
    end

    wire ar_wake = |take || arvalid_q || !rst_ni;
    always @(posedge clk_i)
        if (ar_wake) begin
            if (!rst_ni)
                arvalid_q <= 1'b0;
            else if (|take)
                arvalid_q <= 1'b1;
            else if (m_axi_arready)
                arvalid_q <= 1'b0;

            if (|take) begin
                arid_q   <= next_id;
                araddr_q <= next_address;
                arlen_q  <= next_len;
            end
        end

    assign m_axi_arvalid = arvalid_q;
    assign m_axi_arid    = arid_q;
    assign m_axi_araddr  = araddr_q;
    assign m_axi_arlen   = arlen_q;
    assign drained_o     = !arvalid_q;

    // ------------------------------------------------------------------------------------------ data
    wire [PORTS-1:0] silent;                        // to be answered by the port
    wire [PORTS-1:0] expired = silent & (~silent + 1'b1);   // being answered now: one requester at a time
    wire [PORTS-1:0] gave_up;
    wire             beat = m_axi_rvalid && m_axi_rready;

    assign m_axi_rready = ~|expired;
    assign r_data_o     = m_axi_rdata;
    assign r_resp_o     = |expired ? 2'd1 : m_axi_rresp;
    assign expired_o    = |gave_up;

    genvar port;
    generate
        for (port = 0; port < PORTS; port = port + 1) begin : g_port
            reg [COUNT_W-1:0] owed_q;               // beats this requester waits for
            reg [COUNT_W-1:0] stale_q;              // beats that will come and are to be dropped first
            reg [31:0]        silent_q;             // cycles since the last beat, without those in which R is held here
            reg               expired_q;

            wire mine    = beat && m_axi_rid == port;
            wire deliver = mine && stale_q == {COUNT_W{1'b0}};
            wire waiting = owed_q != {COUNT_W{1'b0}};
            wire [COUNT_W-1:0] asked = take[port] ? {{(COUNT_W - 9){1'b0}}, 1'b0, req_len_i[8*port +: 8]} + 1'b1 : {COUNT_W{1'b0}};

            wire [PORTS-1:0] higher = req_valid_i >> (port + 1);   // they come first
            assign req_ready_o[port] = load && ~|higher && !expired_q && !gave_up[port];
            assign silent[port]      = expired_q && waiting;
            assign r_valid_o[port]   = expired[port] || deliver;
            assign gave_up[port]     = waiting && !expired_q && watchdog_i != 32'd0 && silent_q >= watchdog_i;

            wire wake = waiting || mine || take[port] || expired_q || forget_i || !rst_ni;

            always @(posedge clk_i)
                if (wake) begin
                    if (!rst_ni || forget_i) begin
                        owed_q    <= {COUNT_W{1'b0}};
                        expired_q <= 1'b0;
                        silent_q  <= 32'd0;
                    end else begin
                        owed_q    <= owed_q + asked - {{(COUNT_W - 1){1'b0}}, r_valid_o[port]};
                        expired_q <= (expired_q && waiting) || gave_up[port];
                        silent_q  <= (mine || !waiting || expired_q) ? 32'd0 : |expired ? silent_q : silent_q + 1'b1;
                    end

                    if (!rst_ni)
                        stale_q <= {COUNT_W{1'b0}};
                    else if ((forget_i && !expired_q) || gave_up[port])   // counted when it expired
                        stale_q <= stale_q + owed_q - {{(COUNT_W - 1){1'b0}}, mine};
                    else if (mine && !deliver)
                        stale_q <= stale_q - 1'b1;
                end
        end
    endgenerate

    // ------------------------------------------------------------------------------------------ bursts on the bus
    reg [15:0] bursts_q;
    wire burst_wake = |take || beat || !rst_ni;
    always @(posedge clk_i)
        if (burst_wake) begin
            if (!rst_ni)
                bursts_q <= 16'd0;
            else
                bursts_q <= bursts_q + {15'd0, |take} - {15'd0, beat && m_axi_rlast};
        end
    assign outstanding_o = |bursts_q[15:8] ? 8'hFF : bursts_q[7:0];

endmodule

`default_nettype wire
