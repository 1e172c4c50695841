// axi_address: the rules that one AW or AR keeps by itself, whatever else is on the bus.
//
// Why: an address and its shape are legal or not, the same for both directions. Bit n of violated_o says that rule n was
// broken at least once; tb/axi_rules.py has the names.
//
// Latency     a violation is counted at the clock edge at which the address is taken.
// Errors      one line for the first breach of each rule; the run goes on.
`default_nettype none
// A model, not hardware: one process with blocking assignments.
// verilator lint_off BLKSEQ
// verilator lint_off PROCASSINIT
// verilator lint_off UNUSEDSIGNAL

module axi_address #(
    // how the rules' names begin: "AW" or "AR"
    parameter        CHANNEL = "AW",
    // width of the data bus in bits
    parameter        DATA_W  = 64,
    // width of the addresses in bits, at most 64
    parameter        ADDR_W  = 64
) (
    input  wire              clk_i,
    input  wire              rst_ni,            // synchronous, active low
    input  wire              taken_i,           // VALID and READY
    input  wire [ADDR_W-1:0] address_i,
    input  wire [17:0]       shape_i,           // {cache, lock, burst, size, len}
    input  wire              incr_only_i,       // the knobs of axi_checker
    input  wire              lite_i,
    input  wire [63:0]       window_base_i,
    input  wire [63:0]       window_bytes_i,
    output reg  [16:0]       violated_o,
    output reg  [31:0]       count_o            // violations
);
    localparam BYTES = DATA_W / 8;
    localparam [1:0] FIXED = 2'd0, INCR = 2'd1, WRAP = 2'd2;

    localparam IN_4KIB = 0, SIZE = 1, BURST = 2, WRAP_LEN = 3, WRAP_ALIGN = 4, FIXED_LEN = 5, INCR_ONLY = 6;
    localparam EXCL_LEN = 7, EXCL_ALIGN = 8, EXCL_POWER = 9, EXCL_MAX = 10, CACHE_RA = 11, CACHE_WA = 12;
    localparam LITE_LEN = 13, LITE_SIZE = 14, LITE_LOCK = 15, WINDOW = 16;

    // work variables
    reg [7:0]  len;
    reg [2:0]  size;
    reg [1:0]  burst;
    reg        lock;
    reg [3:0]  cache;
    reg [15:0] total;                           // bytes
    reg [63:0] address, aligned;

    task broken;
        input integer rule;
        begin
`ifndef FORMAL
            if (!violated_o[rule])
                $display("Error: AXI_%0s_%0s broken at %0t", CHANNEL,
                         rule == IN_4KIB ? "4KIB" : rule == SIZE ? "SIZE" : rule == BURST ? "BURST" :
                         rule == WRAP_LEN ? "WRAP_LEN" : rule == WRAP_ALIGN ? "WRAP_ALIGN" :
                         rule == FIXED_LEN ? "FIXED_LEN" : rule == INCR_ONLY ? "INCR_ONLY" :
                         rule == EXCL_LEN ? "EXCL_LEN" : rule == EXCL_ALIGN ? "EXCL_ALIGN" :
                         rule == EXCL_POWER ? "EXCL_POWER" : rule == EXCL_MAX ? "EXCL_MAX" :
                         rule == CACHE_RA ? "CACHE_RA" : rule == CACHE_WA ? "CACHE_WA" :
                         rule == LITE_LEN ? "LITE_LEN" : rule == LITE_SIZE ? "LITE_SIZE" :
                         rule == LITE_LOCK ? "LITE_LOCK" : "WINDOW", $time);
            count_o = count_o + 1;
`endif
            violated_o[rule] = 1'b1;
        end
    endtask

`ifdef __ICARUS__
    always begin
        wait (taken_i);                           // a process that sleeps costs less than one that wakes with the clock
        @(posedge clk_i);
`else
    always @(posedge clk_i) begin
`endif
        if (taken_i && rst_ni) begin
            {cache, lock, burst, size, len} = shape_i;
            address = {{64-ADDR_W{1'b0}}, address_i};
            aligned = address >> size << size;
            total   = ({8'd0, len} + 16'd1) << size;
            if ((32'd1 << size) > BYTES)
                broken(SIZE);
            if (burst == INCR) begin
                if ({8'd0, aligned[11:0]} + {4'd0, total} > 20'd4096)
                    broken(IN_4KIB);
            end else begin
                if (burst == 2'd3)
                    broken(BURST);
                if (incr_only_i && (burst == WRAP || burst == FIXED))
                    broken(INCR_ONLY);
                if (burst == WRAP && len != 8'd1 && len != 8'd3 && len != 8'd7 && len != 8'd15)
                    broken(WRAP_LEN);
                if (burst == WRAP && aligned != address)
                    broken(WRAP_ALIGN);
                if (burst == FIXED && len > 8'd15)
                    broken(FIXED_LEN);
            end
            if (lock) begin
                if (len > 8'd15)
                    broken(EXCL_LEN);
                if ((total & (total - 16'd1)) != 16'd0)
                    broken(EXCL_POWER);
                else if ((address[15:0] & (total - 16'd1)) != 16'd0)
                    broken(EXCL_ALIGN);
                if (total > 16'd128)
                    broken(EXCL_MAX);
            end
            if (!cache[1]) begin                // not modifiable: no allocation
                if (cache[2])
                    broken(CACHE_RA);
                if (cache[3])
                    broken(CACHE_WA);
            end
            if (lite_i) begin
                if (len != 8'd0)
                    broken(LITE_LEN);
                if ((32'd1 << size) != BYTES)
                    broken(LITE_SIZE);
                if (lock)
                    broken(LITE_LOCK);
            end
            if (window_bytes_i != 64'd0) begin
                if (burst == WRAP) begin        // from the beginning of what it wraps in
                    address = address & ~({48'd0, total} - 64'd1);
                    aligned = address;
                end else if (burst == FIXED)
                    total = 16'd1 << size;
                if (address < window_base_i || aligned + {48'd0, total} > window_base_i + window_bytes_i)
                    broken(WINDOW);
            end
        end
    end

    initial begin
        violated_o = 17'd0;
        count_o    = 32'd0;
    end

endmodule

// verilator lint_on BLKSEQ
// verilator lint_on PROCASSINIT
// verilator lint_on UNUSEDSIGNAL
`default_nettype wire
