// csr_queue: the registers of one queue, and the coalescing of its done interrupts.
//
// Why: both queues have the same registers; one of them fits on a page here, and csr only says which one is meant.
//
// Latency     a write shows on the outputs the cycle after, a doorbell in its own; reads are combinational; pulses last 1
//             cycle. An interrupt is raised in the cycle of the record that makes enough of them, or when the first has waited.
// Throughput  one write and one read a cycle.
// Ordering    none: registers.
// Errors      none: offsets without a register are ignored, csr answers for them. What the driver alone changes is read
//             from csr's image of its writes, and is 0 here.
`default_nettype none
`include "faultline.vh"

module csr_queue (
    input  wire        clk_i,
    input  wire        rst_ni,             // hardware reset, synchronous, active low
    input  wire        soft_reset_done_i,  // pulse: heads and the enable go back to 0

    input  wire        write_i,            // pulse
    input  wire [15:0] wr_offset_i,        // of the register, inside the queue's block
    input  wire [31:0] wr_data_i,
    input  wire [3:0]  wr_strb_i,
    input  wire        read_i,
    input  wire [15:0] rd_offset_i,        // of the register, inside the queue's block
    output wire [31:0] rd_data_o,          // 0 unless read_i

    output wire [63:0] ring_base_o,
    output wire [63:0] completion_base_o,
    output wire [63:0] fence_base_o,
    output wire [3:0]  ring_log2_o,
    output wire [3:0]  completion_log2_o,
    output wire        doorbell_o,         // pulse: TAIL is being written whole
    output wire [15:0] completion_head_o,
    output wire        queue_enable_o,
    output wire        halt_on_error_o,
    output wire        resume_o,           // pulse
    output wire        abort_o,            // pulse

    input  wire [15:0] tail_i,
    input  wire [15:0] head_i,
    input  wire [15:0] completion_tail_i,
    input  wire [15:0] overflows_i,
    input  wire [31:0] fence_i,
    input  wire        queue_busy_i,
    input  wire        halted_i,
    input  wire        aborting_i,
    input  wire        waiting_i,

    input  wire [31:0] coalesce_i,         // IRQ_COALESCE: {cycles, count}
    input  wire        record_done_i,      // pulse: a record that asks for an interrupt is in host memory
    output wire        done_raise_o        // pulse: announce what is pending
);
    reg  [63:0] ring_base_q, completion_base_q, fence_base_q;
    reg  [3:0]  ring_log2_q, completion_log2_q;
    reg  [15:0] completion_head_q;
    reg         enable_q, halt_on_error_q, resume_q, abort_q;

    assign ring_base_o       = ring_base_q;
    assign completion_base_o = completion_base_q;
    assign fence_base_o      = fence_base_q;
    assign ring_log2_o       = ring_log2_q;
    assign completion_log2_o = completion_log2_q;
    assign completion_head_o = completion_head_q;
    assign queue_enable_o    = enable_q;
    assign halt_on_error_o   = halt_on_error_q;
    assign resume_o          = resume_q;
    assign abort_o           = abort_q;
    assign doorbell_o        = write_i && wr_offset_i == `FL_OFFSET_QUEUE_TAIL && &wr_strb_i[1:0];  // half a count is no count

    function [31:0] merge;  // the register with the bytes of the write
        input [31:0] old;
        merge = {wr_strb_i[3] ? wr_data_i[31:24] : old[31:24], wr_strb_i[2] ? wr_data_i[23:16] : old[23:16],
                 wr_strb_i[1] ? wr_data_i[15:8]  : old[15:8],  wr_strb_i[0] ? wr_data_i[7:0]   : old[7:0]};
    endfunction

    wire wake = write_i || resume_q || abort_q || soft_reset_done_i || !rst_ni;

    always @(posedge clk_i)
        if (wake) begin
            resume_q   <= 1'b0;
            abort_q    <= 1'b0;
            if (!rst_ni) begin
                ring_base_q       <= 64'b0;
                completion_base_q <= 64'b0;
                fence_base_q      <= 64'b0;
                ring_log2_q       <= 4'b0;
                completion_log2_q <= 4'b0;
                completion_head_q <= 16'b0;
                enable_q          <= 1'b0;
                halt_on_error_q   <= 1'b1;
            end else begin
                if (write_i) begin
                    case (wr_offset_i)
                        `FL_OFFSET_QUEUE_RING_BASE_LO:       ring_base_q[31:0]        <= merge(ring_base_q[31:0]) & ~32'd63;
                        `FL_OFFSET_QUEUE_RING_BASE_HI:       ring_base_q[63:32]       <= merge(ring_base_q[63:32]);
                        `FL_OFFSET_QUEUE_COMPLETION_BASE_LO: completion_base_q[31:0]  <= merge(completion_base_q[31:0]) & ~32'd31;
                        `FL_OFFSET_QUEUE_COMPLETION_BASE_HI: completion_base_q[63:32] <= merge(completion_base_q[63:32]);
                        `FL_OFFSET_QUEUE_FENCE_BASE_LO:      fence_base_q[31:0]       <= merge(fence_base_q[31:0]) & ~32'd7;
                        `FL_OFFSET_QUEUE_FENCE_BASE_HI:      fence_base_q[63:32]      <= merge(fence_base_q[63:32]);
                        `FL_OFFSET_QUEUE_SIZE: begin
                            if (wr_strb_i[0])
                                ring_log2_q <= wr_data_i[3:0];
                            if (wr_strb_i[1])
                                completion_log2_q <= wr_data_i[11:8];
                        end
                        `FL_OFFSET_QUEUE_COMPLETION_HEAD: begin
                            if (wr_strb_i[0])
                                completion_head_q[7:0]  <= wr_data_i[7:0];
                            if (wr_strb_i[1])
                                completion_head_q[15:8] <= wr_data_i[15:8];
                        end
                        `FL_OFFSET_QUEUE_CONTROL: begin
                            if (wr_strb_i[0]) begin
                                enable_q        <= wr_data_i[0];
                                halt_on_error_q <= wr_data_i[1];
                            end
                            resume_q <= wr_strb_i[1] && wr_data_i[8];
                            abort_q  <= wr_strb_i[1] && wr_data_i[9];
                        end
                        default: ;
                    endcase
                end
                if (soft_reset_done_i) begin
                    completion_head_q <= 16'b0;
                    enable_q          <= 1'b0;
                end
            end
        end

    // One AND a register, all ORed: cheaper than a choice.
    assign rd_data_o = {16'b0, tail_i & {16{read_i && rd_offset_i == `FL_OFFSET_QUEUE_TAIL}}}
                     | {16'b0, head_i & {16{read_i && rd_offset_i == `FL_OFFSET_QUEUE_HEAD}}}
                     | {16'b0, completion_head_q & {16{read_i && rd_offset_i == `FL_OFFSET_QUEUE_COMPLETION_HEAD}}}
                     | {16'b0, completion_tail_i & {16{read_i && rd_offset_i == `FL_OFFSET_QUEUE_COMPLETION_TAIL}}}
                     | {16'b0, overflows_i & {16{read_i && rd_offset_i == `FL_OFFSET_QUEUE_OVERFLOWS}}}
                     | (fence_i & {32{read_i && rd_offset_i == `FL_OFFSET_QUEUE_FENCE}})
                     | {30'b0, {halt_on_error_q, enable_q} & {2{read_i && rd_offset_i == `FL_OFFSET_QUEUE_CONTROL}}}
                     | {28'b0, {waiting_i, aborting_i, halted_i, queue_busy_i} & {4{read_i && rd_offset_i == `FL_OFFSET_QUEUE_STATUS}}};

    // Coalescing: pending records are announced when there are enough, or when the first has waited long enough.
    reg  [7:0]  pending_q;
    reg  [23:0] timer_q;

    wire [7:0]  pending   = pending_q + {7'b0, record_done_i};
    wire        enough    = pending >= coalesce_i[7:0];
    wire        late      = |coalesce_i[31:8] && timer_q >= coalesce_i[31:8];

    wire        counting  = |pending || soft_reset_done_i || !rst_ni;

    assign done_raise_o = |pending && (enough || late);

    always @(posedge clk_i)
        if (counting) begin
            if (!rst_ni || soft_reset_done_i || done_raise_o) begin
                pending_q <= 8'b0;
                timer_q   <= 24'b0;
            end else begin
                pending_q <= pending;
                timer_q   <= (|pending && |coalesce_i[31:8]) ? timer_q + 24'd1 : 24'b0;
            end
        end

endmodule

`default_nettype wire
