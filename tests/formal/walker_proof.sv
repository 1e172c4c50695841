// walker_proof: a translation is granted only by a table entry that is valid, writable if it is to be written, and not revoked.
//
// One object and one page of it are followed, chosen freely; so is the content of its table. Everything else that memory says is
// free. At any time the entry may change. From the INVALIDATE after that on, whatever is asked is answered by the new entry; what was
// asked before may still be answered by the old one.
`default_nettype none
`include "faultline.vh"

module walker_proof (
    input wire         clk_i,
    input wire         rst_ni,
    input wire         invalidate_i,
    input wire         change_i,            // the driver changes the entry
    input wire         choose_i,            // this request is the one to follow
    input wire [1:0]   req_valid_i,
    input wire [1:0]   req_object_i,
    input wire [5:0]   req_page_i,
    input wire [1:0]   req_beyond_i,
    input wire [1:0]   rsp_ready_i,
    input wire         other_i,             // the other object is valid
    input wire         ar_ready_i,
    input wire         r_valid_i,
    input wire [31:0]  r_data_i,            // 4 bits an entry
    input wire [1:0]   r_resp_i
);
    (* anyconst *) wire        who;         // the requester that is followed
    (* anyconst *) wire [2:0]  page_bits;   // of the page that is followed
    (* anyconst *) wire [4:0]  object_bits; // valid, two levels, pages
    (* anyconst *) wire        directory_valid;
    (* anyconst *) wire [3:0]  entry_was_bits, entry_is_bits;   // two of the frame, writable, valid

    // Small numbers stand for large ones: two tables, two lines of each, neighbours in a line.
    wire [3:0]  object    = 4'd1;
    wire [19:0] page      = {10'd0, page_bits[2], 5'd0, page_bits[1], 2'd0, page_bits[0]};
    wire [74:0] entry_of_object = {object_bits[4:3], 10'd0, object_bits[2], 5'd0, object_bits[1], 3'd0, object_bits[0], 52'h100};
    wire [63:0] directory = {52'h200, 11'd0, directory_valid};
    wire [63:0] entry_was = {50'd0, entry_was_bits[3:2], 10'd0, entry_was_bits[1:0]};
    wire [63:0] entry_is  = {50'd0, entry_is_bits[3:2], 10'd0, entry_is_bits[1:0]};
    wire [7:0]  req_object = {3'd0, req_object_i[1], 3'd0, req_object_i[0]};
    wire [39:0] req_page   = {10'd0, req_page_i[5], 5'd0, req_page_i[4], 2'd0, req_page_i[3],
                              10'd0, req_page_i[2], 5'd0, req_page_i[1], 2'd0, req_page_i[0]};
    wire [74:0] object_now = object_index == object ? entry_of_object : {other_i, 1'b0, 21'd600, 52'h300};
    reg [511:0] r_data;

    wire [1:0]  req_ready, rsp_valid;
    wire [79:0] frames;
    wire [15:0] causes;
    wire [3:0]  object_index;
    wire        ar_valid;
    wire [63:0] ar_address;
    wire [7:0]  ar_len;

    walker #(.DATA_W(512), .TLB_LOG2(5)) dut (
        .clk_i          (clk_i),
        .rst_ni         (rst_ni),
        .invalidate_i   (invalidate_i),
        .req_valid_i    (req_valid_i),
        .req_ready_o    (req_ready),
        .req_object_i   (req_object),
        .req_page_i     (req_page),
        .req_beyond_i   (req_beyond_i),
        .rsp_valid_o    (rsp_valid),
        .rsp_ready_i    (rsp_ready_i),
        .rsp_frame_o    (frames),
        .rsp_cause_o    (causes),
        .object_index_o (object_index),
        .object_i       (object_now),
        .ar_valid_o     (ar_valid),
        .ar_ready_i     (ar_ready_i),
        .ar_address_o   (ar_address),
        .ar_len_o       (ar_len),
        .r_valid_i      (r_valid_i),
        .r_data_i       (r_data),
        .r_resp_i       (r_resp_i)
    );

    // where the entries of the page are
    wire        two_level = entry_of_object[73];
    wire [63:0] root      = {entry_of_object[51:0], 12'd0};
    wire [63:0] directory_at = root + {50'd0, page[19:9], 3'd0};
    wire [63:0] entry_at  = two_level ? {12'd0, directory[`FL_PAGE_TABLE_ENTRY_FRAME], page[8:0], 3'd0}
                                      : root + {41'd0, page, 3'd0};

    reg         started_q = 1'b0;
    reg         changed_q, revoked_q;       // the entry is the new one; an INVALIDATE has come since
    reg         reading_q;                  // one read at a time is on the bus
    reg [63:0]  address_q;
    reg         following_q, strict_q, hit_q;
    reg [3:0]   waiting_q, ahead_q;         // requests of the one followed that have no answer; those before the chosen one
    wire        take     = who ? req_valid_i[1] && req_ready[1] : req_valid_i[0] && req_ready[0];
    wire        answer   = who ? rsp_valid[1] && rsp_ready_i[1] : rsp_valid[0] && rsp_ready_i[0];
    wire        is_it    = (who ? req_object[7:4] : req_object[3:0]) == object &&
                           (who ? req_page[39:20] : req_page[19:0]) == page;
    wire [7:0]  cause    = who ? causes[15:8] : causes[7:0];
    wire [39:0] frame    = who ? frames[79:40] : frames[39:0];
    wire        beyond   = who ? req_beyond_i[1] : req_beyond_i[0];
    reg         beyond_q;
    wire [63:0] entry    = changed_q ? entry_is : entry_was;
    wire        mine     = following_q && answer && ahead_q == 0;
    wire        inside   = entry_of_object[74] && {1'b0, page} < entry_of_object[72:52] && !beyond_q;
    wire        by_new   = entry_is[`FL_PAGE_TABLE_ENTRY_VALID] && (!who || entry_is[`FL_PAGE_TABLE_ENTRY_WRITABLE]) &&
                           frame == entry_is[`FL_PAGE_TABLE_ENTRY_FRAME];
    wire        by_old   = entry_was[`FL_PAGE_TABLE_ENTRY_VALID] && (!who || entry_was[`FL_PAGE_TABLE_ENTRY_WRITABLE]) &&
                           frame == entry_was[`FL_PAGE_TABLE_ENTRY_FRAME];

    // what memory says: free, but for the entries of the page
    integer n;
    always @* begin
        for (n = 0; n < 8; n = n + 1)
            r_data[64*n +: 64] = {50'd0, r_data_i[4*n + 2 +: 2], 10'd0, r_data_i[4*n +: 2]};
        if (two_level && address_q[63:6] == directory_at[63:6])
            r_data[64*directory_at[5:3] +: 64] = directory;
        if (address_q[63:6] == entry_at[63:6])
            r_data[64*entry_at[5:3] +: 64] = entry;
    end

    always @(posedge clk_i) begin
        started_q <= 1'b1;
        if (!started_q)
            assume (!rst_ni);
        else
            assume (rst_ni);
        // memory answers what was asked, one read at a time
        assume (!r_valid_i || reading_q);
        assume (!reading_q || !ar_ready_i);
        if (!rst_ni) begin
            {changed_q, revoked_q, reading_q, following_q, hit_q} <= 5'd0;
            {waiting_q, ahead_q}                                  <= 8'd0;
        end else begin
            changed_q <= changed_q || change_i;
            revoked_q <= revoked_q || (changed_q && invalidate_i);
            reading_q <= reading_q ? !r_valid_i : ar_valid && ar_ready_i;
            if (ar_valid && ar_ready_i)
                address_q <= ar_address;
            waiting_q <= waiting_q + take - answer;
            if (!following_q && take && is_it && choose_i) begin
                following_q <= 1'b1;
                ahead_q     <= waiting_q - answer;
                strict_q    <= revoked_q;
                beyond_q    <= beyond;
            end else if (following_q && answer) begin
                following_q <= ahead_q != 0;
                ahead_q     <= ahead_q - 1'b1;
            end
            hit_q <= hit_q || (mine && cause == `FL_CAUSE_NONE);
        end

        if (started_q && rst_ni) begin
            one_beat:        assert (!ar_valid || ar_len == 8'd0);
            none_invented:   assert (!answer || waiting_q != 0);
            if (mine && cause == `FL_CAUSE_NONE) begin
                inside_it:   assert (inside);
                directory_ok: assert (!two_level || directory[`FL_PAGE_TABLE_ENTRY_VALID]);
                granted:     assert (by_new || (!strict_q && by_old));
            end
            if (mine && cause == `FL_CAUSE_READ_ONLY)
                only_writes: assert (who);

            grants_read:     cover (mine && cause == `FL_CAUSE_NONE && !who && !two_level);
            grants_write:    cover (mine && cause == `FL_CAUSE_NONE && who && two_level);
            refuses_write:   cover (mine && cause == `FL_CAUSE_READ_ONLY);
            serves_again:    cover (mine && hit_q && cause == `FL_CAUSE_NONE);
            after_revoking:  cover (mine && hit_q && strict_q && cause == `FL_CAUSE_TRANSLATION_FAULT);
        end
    end
endmodule

`default_nettype wire
