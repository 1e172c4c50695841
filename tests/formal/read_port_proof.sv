// read_port_proof: axi_read_port and soft_reset between free requesters and a free, honest memory.
//
// The master's rules of axi_checker are asserted, the memory's are assumed. Requesters ask at will for any burst inside
// 4 KiB (what burst, ring and walker ask for is proved there). Also: no requester gets a beat that it is not owed, which is
// what their own proofs assume of the port.
`default_nettype none

module read_port_proof #(
    // requesters
    parameter PORTS  = 4,
    // bursts of one requester on the bus, a power of two
    parameter BURSTS = 2,
    // longest burst, in beats
    parameter BEATS  = 2,
    // whether deliveries are counted too: that closes only for a bounded time
    parameter COUNTED = 1
) (
    input wire                clk_i,
    input wire                rst_ni,
    input wire                soft_i,           // a soft reset is asked for
    input wire [1:0]          watchdog_i,
    input wire [PORTS-1:0]    req_valid_i,
    input wire [PORTS*64-1:0] req_address_i,
    input wire [PORTS*8-1:0]  req_len_i,
    input wire                arready_i,
    input wire                rvalid_i,
    input wire [1:0]          rid_i,
    input wire [63:0]         rdata_i,
    input wire [1:0]          rresp_i,
    input wire                rlast_i
);
    wire             forget, drain, drained, core_rst_n, soft_done;
    wire [PORTS-1:0] req_ready, r_valid;
    wire             arvalid, rready;
    wire [1:0]       arid;
    wire [63:0]      araddr;
    wire [7:0]       arlen;
    reg              request_q;                 // the csr asks until it is done

    soft_reset u_soft_reset (
        .clk_i       (clk_i),
        .rst_ni      (rst_ni),
        .request_i   (request_q),
        .done_o      (soft_done),
        .drain_o     (drain),
        .drained_i   (drained),
        .forget_o    (forget),
        .core_rst_no (core_rst_n)
    );

    wire [PORTS-1:0] ask = core_rst_n ? req_valid_i : {PORTS{1'b0}};

    axi_read_port #(.DATA_W(64), .ID_W(2), .PORTS(PORTS)) dut (
        .clk_i         (clk_i),
        .rst_ni        (rst_ni),
        .forget_i      (forget),
        .drain_i       (drain),
        .drained_o     (drained),
        .watchdog_i    ({30'd0, watchdog_i}),
        .req_valid_i   (ask),
        .req_ready_o   (req_ready),
        .req_address_i (req_address_i),
        .req_len_i     (req_len_i),
        .r_valid_o     (r_valid),
        .m_axi_arvalid (arvalid),
        .m_axi_arready (arready_i),
        .m_axi_arid    (arid),
        .m_axi_araddr  (araddr),
        .m_axi_arlen   (arlen),
        .m_axi_rvalid  (rvalid_i),
        .m_axi_rready  (rready),
        .m_axi_rid     (rid_i),
        .m_axi_rdata   (rdata_i),
        .m_axi_rresp   (rresp_i),
        .m_axi_rlast   (rlast_i)
    );

    axi_checker #(.DATA_W(64), .ADDR_W(64), .ID_W(2), .DEPTH(BURSTS), .EXCLUSIVE(0), .INTERLEAVED(1), .ASSUME_MEMORY(1)) checker_ (
        .clk_i       (clk_i),
        .rst_ni      (rst_ni),
        .axi_awid    (2'd0),
        .axi_awaddr  (64'd0),
        .axi_awlen   (8'd0),
        .axi_awsize  (3'd3),
        .axi_awburst (2'd1),
        .axi_awlock (1'b0),
        .axi_awcache (4'b0011),
        .axi_awprot (3'd0),
        .axi_awqos  (4'd0),
        .axi_awregion (4'd0),
        .axi_awuser (1'b0),
        .axi_awvalid (1'b0),
        .axi_awready (1'b0),
        .axi_wdata   (64'd0),
        .axi_wstrb   (8'd0),
        .axi_wlast   (1'b0),
        .axi_wuser   (1'b0),
        .axi_wvalid  (1'b0),
        .axi_wready  (1'b0),
        .axi_bid     (2'd0),
        .axi_bresp   (2'd0),
        .axi_buser   (1'b0),
        .axi_bvalid  (1'b0),
        .axi_bready  (1'b0),
        .axi_arid    (arid),
        .axi_araddr  (araddr),
        .axi_arlen   (arlen),
        .axi_arsize  (3'd3),
        .axi_arburst (2'd1),
        .axi_arlock (1'b0),
        .axi_arcache (4'b0011),
        .axi_arprot (3'd0),
        .axi_arqos  (4'd0),
        .axi_arregion (4'd0),
        .axi_aruser (1'b0),
        .axi_arvalid (arvalid),
        .axi_arready (arready_i),
        .axi_rid     (rid_i),
        .axi_rdata   (rdata_i),
        .axi_rresp   (rresp_i),
        .axi_rlast   (rlast_i),
        .axi_ruser   (1'b0),
        .axi_rvalid  (rvalid_i),
        .axi_rready  (rready)
    );

    reg        started_q = 1'b0;
    reg        forgot_q, drained_late_q;
    reg [1:0]  watchdog_q;
    wire       on_bus_end = rvalid_i && rready && rlast_i;

    always @(posedge clk_i) begin
        started_q  <= 1'b1;
        watchdog_q <= watchdog_i;
        if (!started_q)
            assume (!rst_ni);
        else
            assume (watchdog_i == watchdog_q);
        if (!rst_ni) begin
            request_q <= 1'b0;
            forgot_q  <= 1'b0;
        end else begin
            request_q <= !soft_done && (request_q || soft_i);
            forgot_q  <= forgot_q || forget;
        end
    end

    genvar n;
    generate
        for (n = 0; n < PORTS; n = n + 1) begin : g_port
            wire [63:0] address = req_address_i[64*n +: 64];
            wire [7:0]  len     = req_len_i[8*n +: 8];
            wire        take    = ask[n] && req_ready[n];
            reg  [15:0] owed_q;                     // beats asked for and not delivered
            reg  [3:0]  bursts_q;                   // on the bus or on their way to it

            always @(posedge clk_i) begin
                // what the requesters' own proofs show
                assume (address[2:0] == 3'd0);
                assume ({1'b0, address[11:3]} + {2'd0, len} < 10'd512);
                assume ({24'd0, len} < BEATS);
                // so many bursts can the checker follow
                assume (!take || bursts_q < BURSTS);

                if (!rst_ni) begin
                    owed_q   <= 16'd0;
                    bursts_q <= 4'd0;
                end else begin
                    bursts_q <= bursts_q + take - (on_bus_end && rid_i == n);
                    if (forget)
                        owed_q <= 16'd0;
                    else
                        owed_q <= owed_q + (take ? {8'd0, len} + 16'd1 : 16'd0) - r_valid[n];
                end

                if (started_q && rst_ni) begin
                    assert (!COUNTED || !r_valid[n] || owed_q != 16'd0 || !core_rst_n);
                    assert ((r_valid & (r_valid - 1'b1)) == 0);
                    cover (r_valid[n] && owed_q == 16'd1 && watchdog_i == 0);
                end
            end
        end
    endgenerate

    always @(posedge clk_i)
        if (started_q && rst_ni) begin
            two_bursts:   cover (g_port[0].bursts_q == 2 && g_port[1].bursts_q == 1);
            gives_up:     cover (r_valid[0] && !rvalid_i);
            drops_stale:  cover (forgot_q && !drain && rvalid_i && rready && r_valid == 0);
        end
endmodule

`default_nettype wire
