// write_port_proof: axi_write_port and soft_reset between free requesters and a free, honest memory.
//
// The master's rules of axi_checker are asserted, the memory's are assumed. Requesters ask at will for bursts of
// one or two beats inside 4 KiB and offer data at will, stable while it is not taken. Also: no requester gets an answer that it is not owed, and none before
// its last beat is on the bus; what is drained goes without strobes.
`default_nettype none

module write_port_proof #(
    // bursts on the bus, a power of two
    parameter BURSTS = 4
) (
    input wire         clk_i,
    input wire         rst_ni,
    input wire         soft_i,           // a soft reset is asked for
    input wire [1:0]   watchdog_i,
    input wire [1:0]   req_valid_i,
    input wire [17:0]  req_address_i,    // 9 bits a requester: the bus word in its page
    input wire [1:0]   req_len_i,        // 1 bit a requester: one beat or two
    input wire [1:0]   w_valid_i,
    input wire [1:0]   w_data_i,         // 1 bit a requester
    input wire [1:0]   w_strb_i,         // 1 bit a requester
    input wire         awready_i,
    input wire         wready_i,
    input wire         bvalid_i,
    input wire [1:0]   bid_i,
    input wire [1:0]   bresp_i
);
    wire        forget, drain, drained, core_rst_n, soft_done;
    wire [1:0]  req_ready, w_ready, b_valid, b_resp, awid;
    wire        awvalid, wvalid, wlast, bready;
    wire [63:0] awaddr, wdata;
    wire [7:0]  awlen, wstrb;
    reg         request_q;               // the csr asks until it is done

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

    wire [1:0] ask   = core_rst_n ? req_valid_i : 2'd0;
    wire [1:0] offer = core_rst_n ? w_valid_i : 2'd0;

    axi_write_port #(.DATA_W(64), .ID_W(2), .BURSTS_LOG2(2)) dut (
        .clk_i         (clk_i),
        .rst_ni        (rst_ni),
        .forget_i      (forget),
        .drain_i       (drain),
        .drained_o     (drained),
        .watchdog_i    ({30'd0, watchdog_i}),
        .req_valid_i   (ask),
        .req_ready_o   (req_ready),
        .req_address_i ({52'd0, req_address_i[17:9], 55'd0, req_address_i[8:0], 3'd0}),
        .req_len_i     ({7'd0, req_len_i[1], 7'd0, req_len_i[0]}),
        .w_valid_i     (offer),
        .w_ready_o     (w_ready),
        .w_data_i      ({63'd0, w_data_i[1], 63'd0, w_data_i[0]}),
        .w_strb_i      ({{8{w_strb_i[1]}}, {8{w_strb_i[0]}}}),
        .b_valid_o     (b_valid),
        .b_resp_o      (b_resp),
        .m_axi_awvalid (awvalid),
        .m_axi_awready (awready_i),
        .m_axi_awid    (awid),
        .m_axi_awaddr  (awaddr),
        .m_axi_awlen   (awlen),
        .m_axi_wvalid  (wvalid),
        .m_axi_wready  (wready_i),
        .m_axi_wdata   (wdata),
        .m_axi_wstrb   (wstrb),
        .m_axi_wlast   (wlast),
        .m_axi_bvalid  (bvalid_i),
        .m_axi_bready  (bready),
        .m_axi_bid     (bid_i),
        .m_axi_bresp   (bresp_i)
    );

    axi_checker #(.DATA_W(64), .ADDR_W(64), .ID_W(2), .DEPTH(BURSTS), .EXCLUSIVE(0), .INTERLEAVED(1), .ASSUME_MEMORY(1)) checker_ (
        .clk_i       (clk_i),
        .rst_ni      (rst_ni),
        .axi_awid    (awid),
        .axi_awaddr  (awaddr),
        .axi_awlen   (awlen),
        .axi_awsize  (3'd3),
        .axi_awburst (2'd1),
        .axi_awlock (1'b0),
        .axi_awcache (4'b0011),
        .axi_awprot (3'd0),
        .axi_awqos  (4'd0),
        .axi_awregion (4'd0),
        .axi_awuser (1'b0),
        .axi_awvalid (awvalid),
        .axi_awready (awready_i),
        .axi_wdata   (wdata),
        .axi_wstrb   (wstrb),
        .axi_wlast   (wlast),
        .axi_wuser   (1'b0),
        .axi_wvalid  (wvalid),
        .axi_wready  (wready_i),
        .axi_bid     (bid_i),
        .axi_bresp   (bresp_i),
        .axi_buser   (1'b0),
        .axi_bvalid  (bvalid_i),
        .axi_bready  (bready),
        .axi_arid    (2'd0),
        .axi_araddr  (64'd0),
        .axi_arlen   (8'd0),
        .axi_arsize  (3'd3),
        .axi_arburst (2'd1),
        .axi_arlock (1'b0),
        .axi_arcache (4'b0011),
        .axi_arprot (3'd0),
        .axi_arqos  (4'd0),
        .axi_arregion (4'd0),
        .axi_aruser (1'b0),
        .axi_arvalid (1'b0),
        .axi_arready (1'b0),
        .axi_rid     (2'd0),
        .axi_rdata   (64'd0),
        .axi_rresp   (2'd0),
        .axi_rlast   (1'b0),
        .axi_ruser   (1'b0),
        .axi_rvalid  (1'b0),
        .axi_rready  (1'b0)
    );

    reg       started_q = 1'b0;
    reg       forgot_q, drain_q, offered_q;
    reg [1:0] watchdog_q;
    reg [3:0] on_bus_q;                  // bursts asked for and not answered
    wire [1:0] take = ask & req_ready;

    always @(posedge clk_i) begin
        started_q  <= 1'b1;
        watchdog_q <= watchdog_i;
        if (!started_q)
            assume (!rst_ni);
        else
            assume (watchdog_i == watchdog_q);
        // so many bursts can the checker follow
        assume (take == 2'd0 || on_bus_q < BURSTS - 1);

        if (!rst_ni) begin
            request_q <= 1'b0;
            forgot_q  <= 1'b0;
            drain_q   <= 1'b0;
            offered_q <= 1'b0;
            on_bus_q  <= 4'd0;
        end else begin
            request_q <= !soft_done && (request_q || soft_i);
            forgot_q  <= forgot_q || forget;
            drain_q   <= drain;
            offered_q <= wvalid && !wready_i;
            on_bus_q  <= on_bus_q + (|take) - (bvalid_i && bready);
        end

        if (started_q && rst_ni) begin
            one_at_a_time:   assert (b_valid != 2'd3 && take != 2'd3);
            drained_silent:  assert (!drain_q || !wvalid || offered_q || wstrb == 8'd0);
            two_requesters:  cover (checker_seen_q == 2'd3);
            long_burst:      cover (wvalid && wready_i && wlast && awlen == 8'd1 && !awvalid);
            gives_up:        cover (|b_valid && !bvalid_i);
            drains_unsent:   cover (drain_q && wvalid && wready_i && wstrb == 8'd0 && !offered_q);
            drops_stale:     cover (forgot_q && !drain && bvalid_i && bready && b_valid == 2'd0);
        end
    end

    reg [1:0] checker_seen_q;            // requesters that have been answered
    always @(posedge clk_i)
        checker_seen_q <= !rst_ni ? 2'd0 : checker_seen_q | b_valid;

    genvar n;
    generate
        for (n = 0; n < 2; n = n + 1) begin : g_port
            reg  [3:0]  owed_q;          // answers that it waits for

            always @(posedge clk_i) begin
                // what the requesters' own proofs show: no burst leaves its page
                assume (!(&req_address_i[9*n +: 9]) || !req_len_i[n]);

                if (!rst_ni || forget)
                    owed_q <= 4'd0;
                else
                    owed_q <= owed_q + take[n] - b_valid[n];

                if (started_q && rst_ni && core_rst_n)
                    assert (!b_valid[n] || owed_q != 4'd0);
            end
        end
    endgenerate
endmodule

`default_nettype wire
