// faultline.vh: generated from rtl/faultline.rdl; do not edit.
//
// Why: one name for every number that the hardware shares with its driver.
`ifndef FAULTLINE_VH
`define FAULTLINE_VH

// opcode, 8 bits
// Completes in order, does nothing. Both queues.
`define FL_OPCODE_NOP                                8'd0
// Device box to host object. Transfer queue.
`define FL_OPCODE_READBACK                           8'd1
// Host object to device box. Transfer queue.
`define FL_OPCODE_WRITEBACK                          8'd2
// Repeat one pixel over a device box. Render queue.
`define FL_OPCODE_FILL                               8'd3
// Device box to device box. Render queue.
`define FL_OPCODE_COPY                               8'd4
// Hold this queue until a queue's fence has reached a value. Both queues.
`define FL_OPCODE_WAIT                               8'd5
// After all earlier descriptors: publish a fence value. Both queues.
`define FL_OPCODE_FENCE                              8'd6
// Drop the cached translations of one object. Both queues.
`define FL_OPCODE_INVALIDATE                         8'd7

// cause, 8 bits
// No error.
`define FL_CAUSE_NONE                                8'd0
// SLVERR or DECERR on a data access; address is the bus address of the burst.
`define FL_CAUSE_BUS_ERROR                           8'd1
// Object or page not valid; address is the offset in the object.
`define FL_CAUSE_TRANSLATION_FAULT                   8'd2
// READBACK into a page that is not writable; address is the offset in the object.
`define FL_CAUSE_READ_ONLY                           8'd3
// Box not inside the surface, or surface not valid.
`define FL_CAUSE_BOX_OUTSIDE                         8'd4
// Opcode unknown, or not one of this queue.
`define FL_CAUSE_UNKNOWN_OPCODE                      8'd5
// FILL or COPY: x or width is not a multiple of the pixel size, or the pixel sizes differ.
`define FL_CAUSE_ALIGNMENT                           8'd6
// Doorbell beyond the ring's capacity, refused; tag is the refused tail.
`define FL_CAUSE_RING_OVERFLOW                       8'd7
// The bus gave no answer for WATCHDOG cycles; address as for BUS_ERROR.
`define FL_CAUSE_WATCHDOG                            8'd8
// Dropped or cut short by an abort.
`define FL_CAUSE_ABORTED                             8'd9
// Reserved descriptor bits set, or an index or queue number out of range.
`define FL_CAUSE_MALFORMED                           8'd10
// Bus error while fetching the descriptor; address is its bus address, tag its index.
`define FL_CAUSE_FETCH_ERROR                         8'd11
// Bus error while reading a page table; address is the entry's bus address.
`define FL_CAUSE_WALK_ERROR                          8'd12
// COPY between overlapping boxes of one surface.
`define FL_CAUSE_OVERLAP                             8'd13

// status, 4 bits
// Everything asked for was done.
`define FL_STATUS_OK                                 4'd0
// Stopped by the cause given; bytes says how far it came.
`define FL_STATUS_ERROR                              4'd1
// Dropped or cut short by an abort of the queue.
`define FL_STATUS_ABORTED                            4'd2

// layout, 2 bits
// Rows one after another, each rounded up to 64 bytes.
`define FL_LAYOUT_LINEAR                             2'd0
// Tiles of 512 bytes x 8 rows, row by row.
`define FL_LAYOUT_X_TILED                            2'd1
// Tiles of 128 bytes x 32 rows, 64-byte column by column.
`define FL_LAYOUT_Y_TILED                            2'd2
// Tiles of 256 bytes x 16 rows, 64-byte units in Morton order.
`define FL_LAYOUT_MORTON                             2'd3

// Descriptor: ranges over the whole structure, first byte lowest
`define FL_DESCRIPTOR_BITS                           512
// An entry of the transfer ring.
`define FL_DESCRIPTOR_TRANSFER_BITS                  256
// Operation.
`define FL_DESCRIPTOR_OPCODE                         7:0
// The record of this descriptor asks for an interrupt.
`define FL_DESCRIPTOR_INTERRUPT                      8:8
// Start only after every earlier descriptor of this queue has completed.
`define FL_DESCRIPTOR_ORDER                          9:9
// Must be 0.
`define FL_DESCRIPTOR_RESERVED0                      31:10
// Returned in the record.
`define FL_DESCRIPTOR_TAG                            63:32
// Surface of the box, 0 to 15.
`define FL_DESCRIPTOR_SURFACE                        71:64
// READBACK, WRITEBACK, INVALIDATE: host object, 0 to 15.
`define FL_DESCRIPTOR_OBJECT                         79:72
// WAIT: whose fence, 0 transfer, 1 render.
`define FL_DESCRIPTOR_QUEUE                          87:80
// Must be 0.
`define FL_DESCRIPTOR_RESERVED1                      95:88
// READBACK, WRITEBACK: offset of the first row in the host object, in bytes. FENCE, WAIT: the fence
// value.
`define FL_DESCRIPTOR_HOST_OFFSET                    127:96
// Left edge of the box in bytes.
`define FL_DESCRIPTOR_X                              147:128
// Top row of the box.
`define FL_DESCRIPTOR_Y                              163:148
// Bytes a row of the box; 0: nothing to do.
`define FL_DESCRIPTOR_WIDTH                          183:164
// Must be 0.
`define FL_DESCRIPTOR_RESERVED2                      191:184
// Rows of the box; 0: nothing to do.
`define FL_DESCRIPTOR_HEIGHT                         207:192
// Must be 0.
`define FL_DESCRIPTOR_RESERVED3                      223:208
// Bytes from one row to the next in the host object.
`define FL_DESCRIPTOR_HOST_STRIDE                    255:224
// COPY: surface of the source box, 0 to 15.
`define FL_DESCRIPTOR_SOURCE_SURFACE                 263:256
// Must be 0.
`define FL_DESCRIPTOR_RESERVED4                      271:264
// COPY: left edge of the source box in bytes.
`define FL_DESCRIPTOR_SOURCE_X                       291:272
// COPY: top row of the source box.
`define FL_DESCRIPTOR_SOURCE_Y                       307:292
// Must be 0.
`define FL_DESCRIPTOR_RESERVED5                      319:308
// Must be 0.
`define FL_DESCRIPTOR_RESERVED6                      383:320
// FILL: bytes 0 to 7 of the pixel.
`define FL_DESCRIPTOR_PATTERN_LOW                    447:384
// FILL: bytes 8 to 15 of the pixel.
`define FL_DESCRIPTOR_PATTERN_HIGH                   511:448

// Completion record: ranges over the whole structure, first byte lowest
`define FL_RECORD_BITS                               256
// Tag of the descriptor.
`define FL_RECORD_TAG                                31:0
// Opcode of the descriptor.
`define FL_RECORD_OPCODE                             39:32
// Why it failed.
`define FL_RECORD_CAUSE                              47:40
// How it ended.
`define FL_RECORD_STATUS                             51:48
// Queue, 0 transfer, 1 render.
`define FL_RECORD_QUEUE                              56:56
// 1 in the ring's first lap, then flips each lap: tells a new record from an old one.
`define FL_RECORD_PHASE                              63:63
// Where it failed; what kind of address depends on the cause.
`define FL_RECORD_ADDRESS                            127:64
// Bytes moved before it ended.
`define FL_RECORD_BYTES                              159:128
// Cycles from dispatch to the end; start = end - elapsed.
`define FL_RECORD_ELAPSED                            191:160
// CYCLE when the last effect was answered.
`define FL_RECORD_END_CYCLE                          255:192

// Page-table entry: ranges over the whole structure, first byte lowest
`define FL_PAGE_TABLE_ENTRY_BITS                     64
// The entry may be used.
`define FL_PAGE_TABLE_ENTRY_VALID                    0:0
// The engine may write the page.
`define FL_PAGE_TABLE_ENTRY_WRITABLE                 1:1
// Bus address of the page, bits 51 to 12.
`define FL_PAGE_TABLE_ENTRY_FRAME                    51:12

// top-level registers: addresses, reset values, field ranges
// Identity, reads 0x464C544C ('FLTL').
`define FL_ADDR_ID                                   16'h0000
`define FL_RESET_ID                                  32'h464c544c
`define FL_ID_MAGIC                                  31:0
`define FL_ADDR_VERSION                              16'h0004
`define FL_RESET_VERSION                             32'h00000001
`define FL_VERSION_MINOR                             15:0
`define FL_VERSION_MAJOR                             31:16
// What this instance was built with.
`define FL_ADDR_PARAMETERS                           16'h0008
`define FL_RESET_PARAMETERS                          32'h00000000
// log2 of the data width in bytes, 3 to 6.
`define FL_PARAMETERS_DATA_LOG2                      3:0
// log2 of the translation cache's entries.
`define FL_PARAMETERS_TLB_LOG2                       7:4
// Read bursts that may be outstanding.
`define FL_PARAMETERS_READS                          15:8
// Write bursts that may be outstanding.
`define FL_PARAMETERS_WRITES                         23:16
// log2 of the device memory's bytes.
`define FL_PARAMETERS_DEVICE_LOG2                    31:24
// Engine control.
`define FL_ADDR_CONTROL                              16'h000c
`define FL_RESET_CONTROL                             32'h00000000
// Dispatch descriptors.
`define FL_CONTROL_ENABLE                            0:0
// Write 1: finish what is on the bus with no further bytes, then return every block and queue to
// its reset state; reads 1 until done. Surfaces, objects, rings and interrupt registers keep their
// values; heads, tails, fences and queue enables return to 0.
`define FL_CONTROL_SOFT_RESET                        1:1
// Write 1: set every counter to 0.
`define FL_CONTROL_CLEAR_COUNTERS                    2:2
// Engine status.
`define FL_ADDR_STATUS                               16'h0010
`define FL_RESET_STATUS                              32'h00000000
// Any queue, mover or renderer is busy, or a burst is outstanding.
`define FL_STATUS_BUSY                               0:0
// Transfer halves: device to host.
`define FL_STATUS_READBACK_BUSY                      1:1
// Transfer halves: host to device.
`define FL_STATUS_WRITEBACK_BUSY                     2:2
// The renderer draws.
`define FL_STATUS_RENDER_BUSY                        3:3
// Read bursts outstanding on the bus.
`define FL_STATUS_READS_OUTSTANDING                  15:8
// Write bursts outstanding on the bus.
`define FL_STATUS_WRITES_OUTSTANDING                 23:16
// Interrupt causes; write 1 clears.
`define FL_ADDR_IRQ_STATUS                           16'h0014
`define FL_RESET_IRQ_STATUS                          32'h00000000
// Transfer queue: records have been written (coalesced).
`define FL_IRQ_STATUS_TRANSFER_DONE                  0:0
// Render queue: records have been written (coalesced).
`define FL_IRQ_STATUS_RENDER_DONE                    1:1
// Transfer queue: a record with an error or abort has been written.
`define FL_IRQ_STATUS_TRANSFER_ERROR                 2:2
// Render queue: a record with an error or abort has been written.
`define FL_IRQ_STATUS_RENDER_ERROR                   3:3
// Writing a record or a fence value failed on the bus.
`define FL_IRQ_STATUS_COMPLETION_ERROR               4:4
// The watchdog has given up on an access.
`define FL_IRQ_STATUS_WATCHDOG                       5:5
// A surface reaches past the end of device memory: the access was dropped.
`define FL_IRQ_STATUS_DEVICE_RANGE                   6:6
// Which causes raise the interrupt line; bits as IRQ_STATUS.
`define FL_ADDR_IRQ_ENABLE                           16'h0018
`define FL_RESET_IRQ_ENABLE                          32'h00000000
`define FL_IRQ_ENABLE_MASK                           6:0
// Coalescing of the done interrupts, a queue at a time.
`define FL_ADDR_IRQ_COALESCE                         16'h001c
`define FL_RESET_IRQ_COALESCE                        32'h00000000
// Raise after this many records that ask for an interrupt; 0 and 1 both mean each.
`define FL_IRQ_COALESCE_COUNT                        7:0
// Raise this many cycles after the first of them at the latest; 0: no limit.
`define FL_IRQ_COALESCE_CYCLES                       31:8
// Cycles without an answer after which an access fails with WATCHDOG; 0: never.
`define FL_ADDR_WATCHDOG                             16'h0020
`define FL_RESET_WATCHDOG                            32'h00000000
`define FL_WATCHDOG_CYCLES                           31:0
// Cycles since hardware reset, low half; a read holds the high half for CYCLE_HI.
`define FL_ADDR_CYCLE_LO                             16'h0024
`define FL_RESET_CYCLE_LO                            32'h00000000
`define FL_CYCLE_LO_COUNT                            31:0
`define FL_ADDR_CYCLE_HI                             16'h0028
`define FL_RESET_CYCLE_HI                            32'h00000000
`define FL_CYCLE_HI_COUNT                            31:0

// queue registers: addresses, reset values, field ranges
// One descriptor ring and its completion ring. Change bases and sizes only while the queue is
// disabled and idle.
`define FL_ADDR_QUEUE                                16'h0100
`define FL_STRIDE_QUEUE                              16'h0080
`define FL_COUNT_QUEUE                               2
// Bus address of the descriptor ring, 64-byte aligned (low 6 bits read as 0). Entries are 32 bytes
// in the transfer ring, 64 in the render ring.
`define FL_OFFSET_QUEUE_RING_BASE_LO                 16'h0000
`define FL_RESET_QUEUE_RING_BASE_LO                  32'h00000000
`define FL_QUEUE_RING_BASE_LO_BASE                   31:6
`define FL_OFFSET_QUEUE_RING_BASE_HI                 16'h0004
`define FL_RESET_QUEUE_RING_BASE_HI                  32'h00000000
`define FL_QUEUE_RING_BASE_HI_BASE                   31:0
// Ring sizes as powers of two.
`define FL_OFFSET_QUEUE_SIZE                         16'h0008
`define FL_RESET_QUEUE_SIZE                          32'h00000000
// log2 of the descriptor ring's entries, 0 to 15.
`define FL_QUEUE_SIZE_RING_LOG2                      3:0
// log2 of the completion ring's entries, 0 to 15.
`define FL_QUEUE_SIZE_COMPLETION_LOG2                11:8
// Doorbell: count of descriptors ever published, modulo 2^16; a new value starts their fetch.
`define FL_OFFSET_QUEUE_TAIL                         16'h000c
`define FL_RESET_QUEUE_TAIL                          32'h00000000
`define FL_QUEUE_TAIL_COUNT                          15:0
// Count of descriptors ever fetched, modulo 2^16.
`define FL_OFFSET_QUEUE_HEAD                         16'h0010
`define FL_RESET_QUEUE_HEAD                          32'h00000000
`define FL_QUEUE_HEAD_COUNT                          15:0
// Bus address of the completion ring, 32-byte aligned (low 5 bits read as 0).
`define FL_OFFSET_QUEUE_COMPLETION_BASE_LO           16'h0014
`define FL_RESET_QUEUE_COMPLETION_BASE_LO            32'h00000000
`define FL_QUEUE_COMPLETION_BASE_LO_BASE             31:5
`define FL_OFFSET_QUEUE_COMPLETION_BASE_HI           16'h0018
`define FL_RESET_QUEUE_COMPLETION_BASE_HI            32'h00000000
`define FL_QUEUE_COMPLETION_BASE_HI_BASE             31:0
// Count of records the driver has consumed, modulo 2^16; the engine never overwrites one that is
// not.
`define FL_OFFSET_QUEUE_COMPLETION_HEAD              16'h001c
`define FL_RESET_QUEUE_COMPLETION_HEAD               32'h00000000
`define FL_QUEUE_COMPLETION_HEAD_COUNT               15:0
// Count of records written and answered, modulo 2^16.
`define FL_OFFSET_QUEUE_COMPLETION_TAIL              16'h0020
`define FL_RESET_QUEUE_COMPLETION_TAIL               32'h00000000
`define FL_QUEUE_COMPLETION_TAIL_COUNT               15:0
// Bus address of the queue's fence value in host memory, 8-byte aligned (low 3 bits read as 0).
`define FL_OFFSET_QUEUE_FENCE_BASE_LO                16'h0024
`define FL_RESET_QUEUE_FENCE_BASE_LO                 32'h00000000
`define FL_QUEUE_FENCE_BASE_LO_BASE                  31:3
`define FL_OFFSET_QUEUE_FENCE_BASE_HI                16'h0028
`define FL_RESET_QUEUE_FENCE_BASE_HI                 32'h00000000
`define FL_QUEUE_FENCE_BASE_HI_BASE                  31:0
// Last fence value published by this queue.
`define FL_OFFSET_QUEUE_FENCE                        16'h002c
`define FL_RESET_QUEUE_FENCE                         32'h00000000
`define FL_QUEUE_FENCE_VALUE                         31:0
// Queue control.
`define FL_OFFSET_QUEUE_CONTROL                      16'h0030
`define FL_RESET_QUEUE_CONTROL                       32'h00000002
// Fetch and dispatch descriptors. Clearing stops at the next descriptor.
`define FL_QUEUE_CONTROL_ENABLE                      0:0
// After an error: 1 halts the queue, 0 goes on with the next descriptor.
`define FL_QUEUE_CONTROL_HALT_ON_ERROR               1:1
// Write 1: leave the halted state.
`define FL_QUEUE_CONTROL_RESUME                      8:8
// Write 1: drop every descriptor up to the tail, each with a record of cause ABORTED.
`define FL_QUEUE_CONTROL_ABORT                       9:9
// Queue status.
`define FL_OFFSET_QUEUE_STATUS                       16'h0034
`define FL_RESET_QUEUE_STATUS                        32'h00000000
// Descriptors or records are still under way.
`define FL_QUEUE_STATUS_BUSY                         0:0
// Stopped by an error; nothing is dispatched before resume, abort or reset.
`define FL_QUEUE_STATUS_HALTED                       1:1
// An abort is under way.
`define FL_QUEUE_STATUS_ABORTING                     2:2
// The queue stands at a WAIT.
`define FL_QUEUE_STATUS_WAITING                      3:3
// Refused doorbells (RING_OVERFLOW), wraps.
`define FL_OFFSET_QUEUE_OVERFLOWS                    16'h0038
`define FL_RESET_QUEUE_OVERFLOWS                     32'h00000000
`define FL_QUEUE_OVERFLOWS_COUNT                     15:0

// surface registers: addresses, reset values, field ranges
// One device surface. Change only while no descriptor that names it is under way.
`define FL_ADDR_SURFACE                              16'h0400
`define FL_STRIDE_SURFACE                            16'h0010
`define FL_COUNT_SURFACE                             16
// Device byte address, 4 KiB aligned (low 12 bits read as 0).
`define FL_OFFSET_SURFACE_BASE                       16'h0000
`define FL_RESET_SURFACE_BASE                        32'h00000000
`define FL_SURFACE_BASE_PAGE                         31:12
`define FL_OFFSET_SURFACE_EXTENT                     16'h0004
`define FL_RESET_SURFACE_EXTENT                      32'h00000000
// Pixels a row.
`define FL_SURFACE_EXTENT_WIDTH                      15:0
// Rows.
`define FL_SURFACE_EXTENT_HEIGHT                     31:16
`define FL_OFFSET_SURFACE_FORMAT                     16'h0008
`define FL_RESET_SURFACE_FORMAT                      32'h00000000
// Bytes a pixel, 1 to 16.
`define FL_SURFACE_FORMAT_BYTES_PER_PIXEL            4:0
// Memory layout.
`define FL_SURFACE_FORMAT_LAYOUT                     9:8
// The entry may be used.
`define FL_SURFACE_FORMAT_VALID                      31:31

// object registers: addresses, reset values, field ranges
// One host memory object: the root of its page table. Change only while unused, and INVALIDATE
// after.
`define FL_ADDR_OBJECT                               16'h0800
`define FL_STRIDE_OBJECT                             16'h0010
`define FL_COUNT_OBJECT                              16
// Bus address of the page table's root, 4 KiB aligned (low 12 bits read as 0).
`define FL_OFFSET_OBJECT_ROOT_LO                     16'h0000
`define FL_RESET_OBJECT_ROOT_LO                      32'h00000000
`define FL_OBJECT_ROOT_LO_BASE                       31:12
`define FL_OFFSET_OBJECT_ROOT_HI                     16'h0004
`define FL_RESET_OBJECT_ROOT_HI                      32'h00000000
`define FL_OBJECT_ROOT_HI_BASE                       31:0
`define FL_OFFSET_OBJECT_CONFIG                      16'h0008
`define FL_RESET_OBJECT_CONFIG                       32'h00000000
// Size in pages of 4 KiB; an offset at or past it is a translation fault.
`define FL_OBJECT_CONFIG_PAGES                       20:0
// 0: the root is one flat table. 1: the root is a directory of tables of 512 entries.
`define FL_OBJECT_CONFIG_TWO_LEVEL                   30:30
// The entry may be used.
`define FL_OBJECT_CONFIG_VALID                       31:31

// counter registers: addresses, reset values, field ranges
// 32 bits each, wrap, readable while running, cleared by CONTROL.clear_counters.
`define FL_ADDR_COUNTER                              16'h0c00
// Cycles in which the transfer queue had work.
`define FL_OFFSET_COUNTER_TRANSFER_BUSY_CYCLES       16'h0000
`define FL_RESET_COUNTER_TRANSFER_BUSY_CYCLES        32'h00000000
`define FL_COUNTER_TRANSFER_BUSY_CYCLES_COUNT        31:0
// Cycles in which the renderer drew.
`define FL_OFFSET_COUNTER_RENDER_BUSY_CYCLES         16'h0004
`define FL_RESET_COUNTER_RENDER_BUSY_CYCLES          32'h00000000
`define FL_COUNTER_RENDER_BUSY_CYCLES_COUNT          31:0
// Data beats read from host memory for WRITEBACK.
`define FL_OFFSET_COUNTER_READ_BEATS                 16'h0008
`define FL_RESET_COUNTER_READ_BEATS                  32'h00000000
`define FL_COUNTER_READ_BEATS_COUNT                  31:0
// Data beats written to host memory for READBACK.
`define FL_OFFSET_COUNTER_WRITE_BEATS                16'h000c
`define FL_RESET_COUNTER_WRITE_BEATS                 32'h00000000
`define FL_COUNTER_WRITE_BEATS_COUNT                 31:0
// Read side: an address waited for the bus (ARVALID without ARREADY).
`define FL_OFFSET_COUNTER_READ_STALL_ADDRESS         16'h0010
`define FL_RESET_COUNTER_READ_STALL_ADDRESS          32'h00000000
`define FL_COUNTER_READ_STALL_ADDRESS_COUNT          31:0
// Read side: bursts outstanding but no data came.
`define FL_OFFSET_COUNTER_READ_STALL_DATA            16'h0014
`define FL_RESET_COUNTER_READ_STALL_DATA             32'h00000000
`define FL_COUNTER_READ_STALL_DATA_COUNT             31:0
// Read side: a burst waited for room or for a free outstanding slot.
`define FL_OFFSET_COUNTER_READ_STALL_CREDIT          16'h0018
`define FL_RESET_COUNTER_READ_STALL_CREDIT           32'h00000000
`define FL_COUNTER_READ_STALL_CREDIT_COUNT           31:0
// Write side: an address waited for the bus (AWVALID without AWREADY).
`define FL_OFFSET_COUNTER_WRITE_STALL_ADDRESS        16'h001c
`define FL_RESET_COUNTER_WRITE_STALL_ADDRESS         32'h00000000
`define FL_COUNTER_WRITE_STALL_ADDRESS_COUNT         31:0
// Write side: data waited for the bus (WVALID without WREADY).
`define FL_OFFSET_COUNTER_WRITE_STALL_DATA           16'h0020
`define FL_RESET_COUNTER_WRITE_STALL_DATA            32'h00000000
`define FL_COUNTER_WRITE_STALL_DATA_COUNT            31:0
// Write side: a burst was open but the device had no data ready.
`define FL_OFFSET_COUNTER_WRITE_STALL_DEVICE         16'h0024
`define FL_RESET_COUNTER_WRITE_STALL_DEVICE          32'h00000000
`define FL_COUNTER_WRITE_STALL_DEVICE_COUNT          31:0
// Either mover waited for a translation.
`define FL_OFFSET_COUNTER_STALL_TRANSLATION          16'h0028
`define FL_RESET_COUNTER_STALL_TRANSLATION           32'h00000000
`define FL_COUNTER_STALL_TRANSLATION_COUNT           31:0
// Descriptors completed, transfer queue.
`define FL_OFFSET_COUNTER_TRANSFER_DESCRIPTORS       16'h002c
`define FL_RESET_COUNTER_TRANSFER_DESCRIPTORS        32'h00000000
`define FL_COUNTER_TRANSFER_DESCRIPTORS_COUNT        31:0
// Descriptors completed, render queue.
`define FL_OFFSET_COUNTER_RENDER_DESCRIPTORS         16'h0030
`define FL_RESET_COUNTER_RENDER_DESCRIPTORS          32'h00000000
`define FL_COUNTER_RENDER_DESCRIPTORS_COUNT          31:0
// Translations served from the cache.
`define FL_OFFSET_COUNTER_TLB_HITS                   16'h0034
`define FL_RESET_COUNTER_TLB_HITS                    32'h00000000
`define FL_COUNTER_TLB_HITS_COUNT                    31:0
// Translations that walked the page table.
`define FL_OFFSET_COUNTER_TLB_MISSES                 16'h0038
`define FL_RESET_COUNTER_TLB_MISSES                  32'h00000000
`define FL_COUNTER_TLB_MISSES_COUNT                  31:0
// Device memory: an access waited for its bank.
`define FL_OFFSET_COUNTER_BANK_CONFLICTS             16'h003c
`define FL_RESET_COUNTER_BANK_CONFLICTS              32'h00000000
`define FL_COUNTER_BANK_CONFLICTS_COUNT              31:0
// Transfer descriptors by elapsed cycles: bucket n counts [2^(n+4), 2^(n+5)), the first all below
// 32, the last all above.
`define FL_OFFSET_COUNTER_LATENCY                    16'h0040
`define FL_RESET_COUNTER_LATENCY                     32'h00000000
`define FL_STRIDE_COUNTER_LATENCY                    16'h0004
`define FL_COUNT_COUNTER_LATENCY                     16
`define FL_COUNTER_LATENCY_COUNT                     31:0

`endif
