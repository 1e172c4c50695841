/* faultline.h: generated from rtl/faultline.rdl; do not edit.
 *
 * Why: registers, descriptors, records and table entries for authors of drivers in C.
 * Structures by PeakRDL-cheader: x.f.field is a field, x.w its whole word. */
#ifndef FAULTLINE_H
#define FAULTLINE_H

#ifdef __cplusplus
extern "C" {
#endif
#include <stdint.h>
#include <assert.h>

/* Encodings. */
enum fl_opcode {
    FL_OPCODE_NOP = 0, /* Completes in order, does nothing. Both queues. */
    FL_OPCODE_READBACK = 1, /* Device box to host object. Transfer queue. */
    FL_OPCODE_WRITEBACK = 2, /* Host object to device box. Transfer queue. */
    FL_OPCODE_FILL = 3, /* Repeat one pixel over a device box. Render queue. */
    FL_OPCODE_COPY = 4, /* Device box to device box. Render queue. */
    FL_OPCODE_WAIT = 5, /* Hold this queue until a queue's fence has reached a value. Both queues. */
    FL_OPCODE_FENCE = 6, /* After all earlier descriptors: publish a fence value. Both queues. */
    FL_OPCODE_INVALIDATE = 7, /* Drop the cached translations of one object. Both queues. */
};

enum fl_cause {
    FL_CAUSE_NONE = 0, /* No error. */
    FL_CAUSE_BUS_ERROR = 1, /* SLVERR or DECERR on a data access; address is the bus address of the burst. */
    FL_CAUSE_TRANSLATION_FAULT = 2, /* Object or page not valid; address is the offset in the object. */
    FL_CAUSE_READ_ONLY = 3, /* READBACK into a page that is not writable; address is the offset in the object. */
    FL_CAUSE_BOX_OUTSIDE = 4, /* Box not inside the surface, or surface not valid. */
    FL_CAUSE_UNKNOWN_OPCODE = 5, /* Opcode unknown, or not one of this queue. */
    FL_CAUSE_ALIGNMENT = 6, /* FILL or COPY: x or width is not a multiple of the pixel size, or the pixel sizes differ. */
    FL_CAUSE_RING_OVERFLOW = 7, /* Doorbell beyond the ring's capacity, refused; tag is the refused tail. */
    FL_CAUSE_WATCHDOG = 8, /* The bus gave no answer for WATCHDOG cycles; address as for BUS_ERROR. */
    FL_CAUSE_ABORTED = 9, /* Dropped or cut short by an abort. */
    FL_CAUSE_MALFORMED = 10, /* Reserved descriptor bits set, or an index or queue number out of range. */
    FL_CAUSE_FETCH_ERROR = 11, /* Bus error while fetching the descriptor; address is its bus address, tag its index. */
    FL_CAUSE_WALK_ERROR = 12, /* Bus error while reading a page table; address is the entry's bus address. */
    FL_CAUSE_OVERLAP = 13, /* COPY between overlapping boxes of one surface. */
};

enum fl_status {
    FL_STATUS_OK = 0, /* Everything asked for was done. */
    FL_STATUS_ERROR = 1, /* Stopped by the cause given; bytes says how far it came. */
    FL_STATUS_ABORTED = 2, /* Dropped or cut short by an abort of the queue. */
};

enum fl_layout {
    FL_LAYOUT_LINEAR = 0, /* Rows one after another, each rounded up to 64 bytes. */
    FL_LAYOUT_X_TILED = 1, /* Tiles of 512 bytes x 8 rows, row by row. */
    FL_LAYOUT_Y_TILED = 2, /* Tiles of 128 bytes x 32 rows, 64-byte column by column. */
    FL_LAYOUT_MORTON = 3, /* Tiles of 256 bytes x 16 rows, 64-byte units in Morton order. */
};

/* Register addresses; those in a block are offsets from the block's own address. */
#define FL_ADDR_ID 0x0000u
#define FL_ADDR_VERSION 0x0004u
#define FL_ADDR_PARAMETERS 0x0008u
#define FL_ADDR_CONTROL 0x000cu
#define FL_ADDR_STATUS 0x0010u
#define FL_ADDR_IRQ_STATUS 0x0014u
#define FL_ADDR_IRQ_ENABLE 0x0018u
#define FL_ADDR_IRQ_COALESCE 0x001cu
#define FL_ADDR_WATCHDOG 0x0020u
#define FL_ADDR_CYCLE_LO 0x0024u
#define FL_ADDR_CYCLE_HI 0x0028u
#define FL_ADDR_QUEUE 0x0100u
#define FL_STRIDE_QUEUE 0x0080u
#define FL_COUNT_QUEUE 2u
#define FL_OFFSET_QUEUE_RING_BASE_LO 0x0000u
#define FL_OFFSET_QUEUE_RING_BASE_HI 0x0004u
#define FL_OFFSET_QUEUE_SIZE 0x0008u
#define FL_OFFSET_QUEUE_TAIL 0x000cu
#define FL_OFFSET_QUEUE_HEAD 0x0010u
#define FL_OFFSET_QUEUE_COMPLETION_BASE_LO 0x0014u
#define FL_OFFSET_QUEUE_COMPLETION_BASE_HI 0x0018u
#define FL_OFFSET_QUEUE_COMPLETION_HEAD 0x001cu
#define FL_OFFSET_QUEUE_COMPLETION_TAIL 0x0020u
#define FL_OFFSET_QUEUE_FENCE_BASE_LO 0x0024u
#define FL_OFFSET_QUEUE_FENCE_BASE_HI 0x0028u
#define FL_OFFSET_QUEUE_FENCE 0x002cu
#define FL_OFFSET_QUEUE_CONTROL 0x0030u
#define FL_OFFSET_QUEUE_STATUS 0x0034u
#define FL_OFFSET_QUEUE_OVERFLOWS 0x0038u
#define FL_ADDR_SURFACE 0x0400u
#define FL_STRIDE_SURFACE 0x0010u
#define FL_COUNT_SURFACE 16u
#define FL_OFFSET_SURFACE_BASE 0x0000u
#define FL_OFFSET_SURFACE_EXTENT 0x0004u
#define FL_OFFSET_SURFACE_FORMAT 0x0008u
#define FL_ADDR_OBJECT 0x0800u
#define FL_STRIDE_OBJECT 0x0010u
#define FL_COUNT_OBJECT 16u
#define FL_OFFSET_OBJECT_ROOT_LO 0x0000u
#define FL_OFFSET_OBJECT_ROOT_HI 0x0004u
#define FL_OFFSET_OBJECT_CONFIG 0x0008u
#define FL_ADDR_COUNTER 0x0c00u
#define FL_OFFSET_COUNTER_TRANSFER_BUSY_CYCLES 0x0000u
#define FL_OFFSET_COUNTER_RENDER_BUSY_CYCLES 0x0004u
#define FL_OFFSET_COUNTER_READ_BEATS 0x0008u
#define FL_OFFSET_COUNTER_WRITE_BEATS 0x000cu
#define FL_OFFSET_COUNTER_READ_STALL_ADDRESS 0x0010u
#define FL_OFFSET_COUNTER_READ_STALL_DATA 0x0014u
#define FL_OFFSET_COUNTER_READ_STALL_CREDIT 0x0018u
#define FL_OFFSET_COUNTER_WRITE_STALL_ADDRESS 0x001cu
#define FL_OFFSET_COUNTER_WRITE_STALL_DATA 0x0020u
#define FL_OFFSET_COUNTER_WRITE_STALL_DEVICE 0x0024u
#define FL_OFFSET_COUNTER_STALL_TRANSLATION 0x0028u
#define FL_OFFSET_COUNTER_TRANSFER_DESCRIPTORS 0x002cu
#define FL_OFFSET_COUNTER_RENDER_DESCRIPTORS 0x0030u
#define FL_OFFSET_COUNTER_TLB_HITS 0x0034u
#define FL_OFFSET_COUNTER_TLB_MISSES 0x0038u
#define FL_OFFSET_COUNTER_BANK_CONFLICTS 0x003cu
#define FL_OFFSET_COUNTER_LATENCY 0x0040u
#define FL_STRIDE_COUNTER_LATENCY 0x0004u
#define FL_COUNT_COUNTER_LATENCY 16u

// reg - faultline::id
#define FAULTLINE__ID__MAGIC_bm 0xffffffff
#define FAULTLINE__ID__MAGIC_bp 0
#define FAULTLINE__ID__MAGIC_bw 32
#define FAULTLINE__ID__MAGIC_reset 0x464c544c
typedef union {
    struct __attribute__ ((__packed__)) {
        uint32_t magic :32;
    } f;
    uint32_t w;
} faultline__id_t;

// reg - faultline::version
#define FAULTLINE__VERSION__MINOR_bm 0xffff
#define FAULTLINE__VERSION__MINOR_bp 0
#define FAULTLINE__VERSION__MINOR_bw 16
#define FAULTLINE__VERSION__MINOR_reset 0x1
#define FAULTLINE__VERSION__MAJOR_bm 0xffff0000
#define FAULTLINE__VERSION__MAJOR_bp 16
#define FAULTLINE__VERSION__MAJOR_bw 16
#define FAULTLINE__VERSION__MAJOR_reset 0x0
typedef union {
    struct __attribute__ ((__packed__)) {
        uint32_t minor :16;
        uint32_t major :16;
    } f;
    uint32_t w;
} faultline__version_t;

// reg - faultline::parameters
#define FAULTLINE__PARAMETERS__DATA_LOG2_bm 0xf
#define FAULTLINE__PARAMETERS__DATA_LOG2_bp 0
#define FAULTLINE__PARAMETERS__DATA_LOG2_bw 4
#define FAULTLINE__PARAMETERS__DATA_LOG2_reset 0x0
#define FAULTLINE__PARAMETERS__TLB_LOG2_bm 0xf0
#define FAULTLINE__PARAMETERS__TLB_LOG2_bp 4
#define FAULTLINE__PARAMETERS__TLB_LOG2_bw 4
#define FAULTLINE__PARAMETERS__TLB_LOG2_reset 0x0
#define FAULTLINE__PARAMETERS__READS_bm 0xff00
#define FAULTLINE__PARAMETERS__READS_bp 8
#define FAULTLINE__PARAMETERS__READS_bw 8
#define FAULTLINE__PARAMETERS__READS_reset 0x0
#define FAULTLINE__PARAMETERS__WRITES_bm 0xff0000
#define FAULTLINE__PARAMETERS__WRITES_bp 16
#define FAULTLINE__PARAMETERS__WRITES_bw 8
#define FAULTLINE__PARAMETERS__WRITES_reset 0x0
#define FAULTLINE__PARAMETERS__DEVICE_LOG2_bm 0xff000000
#define FAULTLINE__PARAMETERS__DEVICE_LOG2_bp 24
#define FAULTLINE__PARAMETERS__DEVICE_LOG2_bw 8
#define FAULTLINE__PARAMETERS__DEVICE_LOG2_reset 0x0
typedef union {
    struct __attribute__ ((__packed__)) {
        uint32_t data_log2 :4;
        uint32_t tlb_log2 :4;
        uint32_t reads :8;
        uint32_t writes :8;
        uint32_t device_log2 :8;
    } f;
    uint32_t w;
} faultline__parameters_t;

// reg - faultline::control
#define FAULTLINE__CONTROL__ENABLE_bm 0x1
#define FAULTLINE__CONTROL__ENABLE_bp 0
#define FAULTLINE__CONTROL__ENABLE_bw 1
#define FAULTLINE__CONTROL__ENABLE_reset 0x0
#define FAULTLINE__CONTROL__SOFT_RESET_bm 0x2
#define FAULTLINE__CONTROL__SOFT_RESET_bp 1
#define FAULTLINE__CONTROL__SOFT_RESET_bw 1
#define FAULTLINE__CONTROL__SOFT_RESET_reset 0x0
#define FAULTLINE__CONTROL__CLEAR_COUNTERS_bm 0x4
#define FAULTLINE__CONTROL__CLEAR_COUNTERS_bp 2
#define FAULTLINE__CONTROL__CLEAR_COUNTERS_bw 1
#define FAULTLINE__CONTROL__CLEAR_COUNTERS_reset 0x0
typedef union {
    struct __attribute__ ((__packed__)) {
        uint32_t enable :1;
        uint32_t soft_reset :1;
        uint32_t clear_counters :1;
        uint32_t :29;
    } f;
    uint32_t w;
} faultline__control_t;

// reg - faultline::status
#define FAULTLINE__STATUS__BUSY_bm 0x1
#define FAULTLINE__STATUS__BUSY_bp 0
#define FAULTLINE__STATUS__BUSY_bw 1
#define FAULTLINE__STATUS__BUSY_reset 0x0
#define FAULTLINE__STATUS__READBACK_BUSY_bm 0x2
#define FAULTLINE__STATUS__READBACK_BUSY_bp 1
#define FAULTLINE__STATUS__READBACK_BUSY_bw 1
#define FAULTLINE__STATUS__READBACK_BUSY_reset 0x0
#define FAULTLINE__STATUS__WRITEBACK_BUSY_bm 0x4
#define FAULTLINE__STATUS__WRITEBACK_BUSY_bp 2
#define FAULTLINE__STATUS__WRITEBACK_BUSY_bw 1
#define FAULTLINE__STATUS__WRITEBACK_BUSY_reset 0x0
#define FAULTLINE__STATUS__RENDER_BUSY_bm 0x8
#define FAULTLINE__STATUS__RENDER_BUSY_bp 3
#define FAULTLINE__STATUS__RENDER_BUSY_bw 1
#define FAULTLINE__STATUS__RENDER_BUSY_reset 0x0
#define FAULTLINE__STATUS__READS_OUTSTANDING_bm 0xff00
#define FAULTLINE__STATUS__READS_OUTSTANDING_bp 8
#define FAULTLINE__STATUS__READS_OUTSTANDING_bw 8
#define FAULTLINE__STATUS__READS_OUTSTANDING_reset 0x0
#define FAULTLINE__STATUS__WRITES_OUTSTANDING_bm 0xff0000
#define FAULTLINE__STATUS__WRITES_OUTSTANDING_bp 16
#define FAULTLINE__STATUS__WRITES_OUTSTANDING_bw 8
#define FAULTLINE__STATUS__WRITES_OUTSTANDING_reset 0x0
typedef union {
    struct __attribute__ ((__packed__)) {
        uint32_t busy :1;
        uint32_t readback_busy :1;
        uint32_t writeback_busy :1;
        uint32_t render_busy :1;
        uint32_t :4;
        uint32_t reads_outstanding :8;
        uint32_t writes_outstanding :8;
        uint32_t :8;
    } f;
    uint32_t w;
} faultline__status_t;

// reg - faultline::irq_status
#define FAULTLINE__IRQ_STATUS__TRANSFER_DONE_bm 0x1
#define FAULTLINE__IRQ_STATUS__TRANSFER_DONE_bp 0
#define FAULTLINE__IRQ_STATUS__TRANSFER_DONE_bw 1
#define FAULTLINE__IRQ_STATUS__TRANSFER_DONE_reset 0x0
#define FAULTLINE__IRQ_STATUS__RENDER_DONE_bm 0x2
#define FAULTLINE__IRQ_STATUS__RENDER_DONE_bp 1
#define FAULTLINE__IRQ_STATUS__RENDER_DONE_bw 1
#define FAULTLINE__IRQ_STATUS__RENDER_DONE_reset 0x0
#define FAULTLINE__IRQ_STATUS__TRANSFER_ERROR_bm 0x4
#define FAULTLINE__IRQ_STATUS__TRANSFER_ERROR_bp 2
#define FAULTLINE__IRQ_STATUS__TRANSFER_ERROR_bw 1
#define FAULTLINE__IRQ_STATUS__TRANSFER_ERROR_reset 0x0
#define FAULTLINE__IRQ_STATUS__RENDER_ERROR_bm 0x8
#define FAULTLINE__IRQ_STATUS__RENDER_ERROR_bp 3
#define FAULTLINE__IRQ_STATUS__RENDER_ERROR_bw 1
#define FAULTLINE__IRQ_STATUS__RENDER_ERROR_reset 0x0
#define FAULTLINE__IRQ_STATUS__COMPLETION_ERROR_bm 0x10
#define FAULTLINE__IRQ_STATUS__COMPLETION_ERROR_bp 4
#define FAULTLINE__IRQ_STATUS__COMPLETION_ERROR_bw 1
#define FAULTLINE__IRQ_STATUS__COMPLETION_ERROR_reset 0x0
#define FAULTLINE__IRQ_STATUS__WATCHDOG_bm 0x20
#define FAULTLINE__IRQ_STATUS__WATCHDOG_bp 5
#define FAULTLINE__IRQ_STATUS__WATCHDOG_bw 1
#define FAULTLINE__IRQ_STATUS__WATCHDOG_reset 0x0
#define FAULTLINE__IRQ_STATUS__DEVICE_RANGE_bm 0x40
#define FAULTLINE__IRQ_STATUS__DEVICE_RANGE_bp 6
#define FAULTLINE__IRQ_STATUS__DEVICE_RANGE_bw 1
#define FAULTLINE__IRQ_STATUS__DEVICE_RANGE_reset 0x0
typedef union {
    struct __attribute__ ((__packed__)) {
        uint32_t transfer_done :1;
        uint32_t render_done :1;
        uint32_t transfer_error :1;
        uint32_t render_error :1;
        uint32_t completion_error :1;
        uint32_t watchdog :1;
        uint32_t device_range :1;
        uint32_t :25;
    } f;
    uint32_t w;
} faultline__irq_status_t;

// reg - faultline::irq_enable
#define FAULTLINE__IRQ_ENABLE__MASK_bm 0x7f
#define FAULTLINE__IRQ_ENABLE__MASK_bp 0
#define FAULTLINE__IRQ_ENABLE__MASK_bw 7
#define FAULTLINE__IRQ_ENABLE__MASK_reset 0x0
typedef union {
    struct __attribute__ ((__packed__)) {
        uint32_t mask :7;
        uint32_t :25;
    } f;
    uint32_t w;
} faultline__irq_enable_t;

// reg - faultline::irq_coalesce
#define FAULTLINE__IRQ_COALESCE__COUNT_bm 0xff
#define FAULTLINE__IRQ_COALESCE__COUNT_bp 0
#define FAULTLINE__IRQ_COALESCE__COUNT_bw 8
#define FAULTLINE__IRQ_COALESCE__COUNT_reset 0x0
#define FAULTLINE__IRQ_COALESCE__CYCLES_bm 0xffffff00
#define FAULTLINE__IRQ_COALESCE__CYCLES_bp 8
#define FAULTLINE__IRQ_COALESCE__CYCLES_bw 24
#define FAULTLINE__IRQ_COALESCE__CYCLES_reset 0x0
typedef union {
    struct __attribute__ ((__packed__)) {
        uint32_t count :8;
        uint32_t cycles :24;
    } f;
    uint32_t w;
} faultline__irq_coalesce_t;

// reg - faultline::watchdog
#define FAULTLINE__WATCHDOG__CYCLES_bm 0xffffffff
#define FAULTLINE__WATCHDOG__CYCLES_bp 0
#define FAULTLINE__WATCHDOG__CYCLES_bw 32
#define FAULTLINE__WATCHDOG__CYCLES_reset 0x0
typedef union {
    struct __attribute__ ((__packed__)) {
        uint32_t cycles :32;
    } f;
    uint32_t w;
} faultline__watchdog_t;

// reg - faultline::cycle_lo
#define FAULTLINE__CYCLE_LO__COUNT_bm 0xffffffff
#define FAULTLINE__CYCLE_LO__COUNT_bp 0
#define FAULTLINE__CYCLE_LO__COUNT_bw 32
#define FAULTLINE__CYCLE_LO__COUNT_reset 0x0
typedef union {
    struct __attribute__ ((__packed__)) {
        uint32_t count :32;
    } f;
    uint32_t w;
} faultline__cycle_lo_t;

// reg - faultline::cycle_hi
#define FAULTLINE__CYCLE_HI__COUNT_bm 0xffffffff
#define FAULTLINE__CYCLE_HI__COUNT_bp 0
#define FAULTLINE__CYCLE_HI__COUNT_bw 32
#define FAULTLINE__CYCLE_HI__COUNT_reset 0x0
typedef union {
    struct __attribute__ ((__packed__)) {
        uint32_t count :32;
    } f;
    uint32_t w;
} faultline__cycle_hi_t;

// reg - queue_rf::ring_base_lo
#define QUEUE_RF__RING_BASE_LO__BASE_bm 0xffffffc0
#define QUEUE_RF__RING_BASE_LO__BASE_bp 6
#define QUEUE_RF__RING_BASE_LO__BASE_bw 26
#define QUEUE_RF__RING_BASE_LO__BASE_reset 0x0
typedef union {
    struct __attribute__ ((__packed__)) {
        uint32_t :6;
        uint32_t base :26;
    } f;
    uint32_t w;
} queue_rf__ring_base_lo_t;

// reg - queue_rf::ring_base_hi
#define QUEUE_RF__RING_BASE_HI__BASE_bm 0xffffffff
#define QUEUE_RF__RING_BASE_HI__BASE_bp 0
#define QUEUE_RF__RING_BASE_HI__BASE_bw 32
#define QUEUE_RF__RING_BASE_HI__BASE_reset 0x0
typedef union {
    struct __attribute__ ((__packed__)) {
        uint32_t base :32;
    } f;
    uint32_t w;
} queue_rf__ring_base_hi_t;

// reg - queue_rf::size
#define QUEUE_RF__SIZE__RING_LOG2_bm 0xf
#define QUEUE_RF__SIZE__RING_LOG2_bp 0
#define QUEUE_RF__SIZE__RING_LOG2_bw 4
#define QUEUE_RF__SIZE__RING_LOG2_reset 0x0
#define QUEUE_RF__SIZE__COMPLETION_LOG2_bm 0xf00
#define QUEUE_RF__SIZE__COMPLETION_LOG2_bp 8
#define QUEUE_RF__SIZE__COMPLETION_LOG2_bw 4
#define QUEUE_RF__SIZE__COMPLETION_LOG2_reset 0x0
typedef union {
    struct __attribute__ ((__packed__)) {
        uint32_t ring_log2 :4;
        uint32_t :4;
        uint32_t completion_log2 :4;
        uint32_t :20;
    } f;
    uint32_t w;
} queue_rf__size_t;

// reg - queue_rf::tail
#define QUEUE_RF__TAIL__COUNT_bm 0xffff
#define QUEUE_RF__TAIL__COUNT_bp 0
#define QUEUE_RF__TAIL__COUNT_bw 16
#define QUEUE_RF__TAIL__COUNT_reset 0x0
typedef union {
    struct __attribute__ ((__packed__)) {
        uint32_t count :16;
        uint32_t :16;
    } f;
    uint32_t w;
} queue_rf__tail_t;

// reg - queue_rf::head
#define QUEUE_RF__HEAD__COUNT_bm 0xffff
#define QUEUE_RF__HEAD__COUNT_bp 0
#define QUEUE_RF__HEAD__COUNT_bw 16
#define QUEUE_RF__HEAD__COUNT_reset 0x0
typedef union {
    struct __attribute__ ((__packed__)) {
        uint32_t count :16;
        uint32_t :16;
    } f;
    uint32_t w;
} queue_rf__head_t;

// reg - queue_rf::completion_base_lo
#define QUEUE_RF__COMPLETION_BASE_LO__BASE_bm 0xffffffe0
#define QUEUE_RF__COMPLETION_BASE_LO__BASE_bp 5
#define QUEUE_RF__COMPLETION_BASE_LO__BASE_bw 27
#define QUEUE_RF__COMPLETION_BASE_LO__BASE_reset 0x0
typedef union {
    struct __attribute__ ((__packed__)) {
        uint32_t :5;
        uint32_t base :27;
    } f;
    uint32_t w;
} queue_rf__completion_base_lo_t;

// reg - queue_rf::completion_base_hi
#define QUEUE_RF__COMPLETION_BASE_HI__BASE_bm 0xffffffff
#define QUEUE_RF__COMPLETION_BASE_HI__BASE_bp 0
#define QUEUE_RF__COMPLETION_BASE_HI__BASE_bw 32
#define QUEUE_RF__COMPLETION_BASE_HI__BASE_reset 0x0
typedef union {
    struct __attribute__ ((__packed__)) {
        uint32_t base :32;
    } f;
    uint32_t w;
} queue_rf__completion_base_hi_t;

// reg - queue_rf::completion_head
#define QUEUE_RF__COMPLETION_HEAD__COUNT_bm 0xffff
#define QUEUE_RF__COMPLETION_HEAD__COUNT_bp 0
#define QUEUE_RF__COMPLETION_HEAD__COUNT_bw 16
#define QUEUE_RF__COMPLETION_HEAD__COUNT_reset 0x0
typedef union {
    struct __attribute__ ((__packed__)) {
        uint32_t count :16;
        uint32_t :16;
    } f;
    uint32_t w;
} queue_rf__completion_head_t;

// reg - queue_rf::completion_tail
#define QUEUE_RF__COMPLETION_TAIL__COUNT_bm 0xffff
#define QUEUE_RF__COMPLETION_TAIL__COUNT_bp 0
#define QUEUE_RF__COMPLETION_TAIL__COUNT_bw 16
#define QUEUE_RF__COMPLETION_TAIL__COUNT_reset 0x0
typedef union {
    struct __attribute__ ((__packed__)) {
        uint32_t count :16;
        uint32_t :16;
    } f;
    uint32_t w;
} queue_rf__completion_tail_t;

// reg - queue_rf::fence_base_lo
#define QUEUE_RF__FENCE_BASE_LO__BASE_bm 0xfffffff8
#define QUEUE_RF__FENCE_BASE_LO__BASE_bp 3
#define QUEUE_RF__FENCE_BASE_LO__BASE_bw 29
#define QUEUE_RF__FENCE_BASE_LO__BASE_reset 0x0
typedef union {
    struct __attribute__ ((__packed__)) {
        uint32_t :3;
        uint32_t base :29;
    } f;
    uint32_t w;
} queue_rf__fence_base_lo_t;

// reg - queue_rf::fence_base_hi
#define QUEUE_RF__FENCE_BASE_HI__BASE_bm 0xffffffff
#define QUEUE_RF__FENCE_BASE_HI__BASE_bp 0
#define QUEUE_RF__FENCE_BASE_HI__BASE_bw 32
#define QUEUE_RF__FENCE_BASE_HI__BASE_reset 0x0
typedef union {
    struct __attribute__ ((__packed__)) {
        uint32_t base :32;
    } f;
    uint32_t w;
} queue_rf__fence_base_hi_t;

// reg - queue_rf::fence
#define QUEUE_RF__FENCE__VALUE_bm 0xffffffff
#define QUEUE_RF__FENCE__VALUE_bp 0
#define QUEUE_RF__FENCE__VALUE_bw 32
#define QUEUE_RF__FENCE__VALUE_reset 0x0
typedef union {
    struct __attribute__ ((__packed__)) {
        uint32_t value :32;
    } f;
    uint32_t w;
} queue_rf__fence_t;

// reg - queue_rf::control
#define QUEUE_RF__CONTROL__ENABLE_bm 0x1
#define QUEUE_RF__CONTROL__ENABLE_bp 0
#define QUEUE_RF__CONTROL__ENABLE_bw 1
#define QUEUE_RF__CONTROL__ENABLE_reset 0x0
#define QUEUE_RF__CONTROL__HALT_ON_ERROR_bm 0x2
#define QUEUE_RF__CONTROL__HALT_ON_ERROR_bp 1
#define QUEUE_RF__CONTROL__HALT_ON_ERROR_bw 1
#define QUEUE_RF__CONTROL__HALT_ON_ERROR_reset 0x1
#define QUEUE_RF__CONTROL__RESUME_bm 0x100
#define QUEUE_RF__CONTROL__RESUME_bp 8
#define QUEUE_RF__CONTROL__RESUME_bw 1
#define QUEUE_RF__CONTROL__RESUME_reset 0x0
#define QUEUE_RF__CONTROL__ABORT_bm 0x200
#define QUEUE_RF__CONTROL__ABORT_bp 9
#define QUEUE_RF__CONTROL__ABORT_bw 1
#define QUEUE_RF__CONTROL__ABORT_reset 0x0
typedef union {
    struct __attribute__ ((__packed__)) {
        uint32_t enable :1;
        uint32_t halt_on_error :1;
        uint32_t :6;
        uint32_t resume :1;
        uint32_t abort :1;
        uint32_t :22;
    } f;
    uint32_t w;
} queue_rf__control_t;

// reg - queue_rf::status
#define QUEUE_RF__STATUS__BUSY_bm 0x1
#define QUEUE_RF__STATUS__BUSY_bp 0
#define QUEUE_RF__STATUS__BUSY_bw 1
#define QUEUE_RF__STATUS__BUSY_reset 0x0
#define QUEUE_RF__STATUS__HALTED_bm 0x2
#define QUEUE_RF__STATUS__HALTED_bp 1
#define QUEUE_RF__STATUS__HALTED_bw 1
#define QUEUE_RF__STATUS__HALTED_reset 0x0
#define QUEUE_RF__STATUS__ABORTING_bm 0x4
#define QUEUE_RF__STATUS__ABORTING_bp 2
#define QUEUE_RF__STATUS__ABORTING_bw 1
#define QUEUE_RF__STATUS__ABORTING_reset 0x0
#define QUEUE_RF__STATUS__WAITING_bm 0x8
#define QUEUE_RF__STATUS__WAITING_bp 3
#define QUEUE_RF__STATUS__WAITING_bw 1
#define QUEUE_RF__STATUS__WAITING_reset 0x0
typedef union {
    struct __attribute__ ((__packed__)) {
        uint32_t busy :1;
        uint32_t halted :1;
        uint32_t aborting :1;
        uint32_t waiting :1;
        uint32_t :28;
    } f;
    uint32_t w;
} queue_rf__status_t;

// reg - queue_rf::overflows
#define QUEUE_RF__OVERFLOWS__COUNT_bm 0xffff
#define QUEUE_RF__OVERFLOWS__COUNT_bp 0
#define QUEUE_RF__OVERFLOWS__COUNT_bw 16
#define QUEUE_RF__OVERFLOWS__COUNT_reset 0x0
typedef union {
    struct __attribute__ ((__packed__)) {
        uint32_t count :16;
        uint32_t :16;
    } f;
    uint32_t w;
} queue_rf__overflows_t;

// regfile - queue_rf
typedef struct __attribute__ ((__packed__)) {
    queue_rf__ring_base_lo_t ring_base_lo;
    queue_rf__ring_base_hi_t ring_base_hi;
    queue_rf__size_t size;
    queue_rf__tail_t tail;
    queue_rf__head_t head;
    queue_rf__completion_base_lo_t completion_base_lo;
    queue_rf__completion_base_hi_t completion_base_hi;
    queue_rf__completion_head_t completion_head;
    queue_rf__completion_tail_t completion_tail;
    queue_rf__fence_base_lo_t fence_base_lo;
    queue_rf__fence_base_hi_t fence_base_hi;
    queue_rf__fence_t fence;
    queue_rf__control_t control;
    queue_rf__status_t status;
    queue_rf__overflows_t overflows;
    uint8_t RESERVED_3c_7f[0x44];
} queue_rf__stride80_t;

// reg - surface_rf::base
#define SURFACE_RF__BASE__PAGE_bm 0xfffff000
#define SURFACE_RF__BASE__PAGE_bp 12
#define SURFACE_RF__BASE__PAGE_bw 20
#define SURFACE_RF__BASE__PAGE_reset 0x0
typedef union {
    struct __attribute__ ((__packed__)) {
        uint32_t :12;
        uint32_t page :20;
    } f;
    uint32_t w;
} surface_rf__base_t;

// reg - surface_rf::extent
#define SURFACE_RF__EXTENT__WIDTH_bm 0xffff
#define SURFACE_RF__EXTENT__WIDTH_bp 0
#define SURFACE_RF__EXTENT__WIDTH_bw 16
#define SURFACE_RF__EXTENT__WIDTH_reset 0x0
#define SURFACE_RF__EXTENT__HEIGHT_bm 0xffff0000
#define SURFACE_RF__EXTENT__HEIGHT_bp 16
#define SURFACE_RF__EXTENT__HEIGHT_bw 16
#define SURFACE_RF__EXTENT__HEIGHT_reset 0x0
typedef union {
    struct __attribute__ ((__packed__)) {
        uint32_t width :16;
        uint32_t height :16;
    } f;
    uint32_t w;
} surface_rf__extent_t;

// reg - surface_rf::format
#define SURFACE_RF__FORMAT__BYTES_PER_PIXEL_bm 0x1f
#define SURFACE_RF__FORMAT__BYTES_PER_PIXEL_bp 0
#define SURFACE_RF__FORMAT__BYTES_PER_PIXEL_bw 5
#define SURFACE_RF__FORMAT__BYTES_PER_PIXEL_reset 0x0
#define SURFACE_RF__FORMAT__LAYOUT_bm 0x300
#define SURFACE_RF__FORMAT__LAYOUT_bp 8
#define SURFACE_RF__FORMAT__LAYOUT_bw 2
#define SURFACE_RF__FORMAT__LAYOUT_reset 0x0
#define SURFACE_RF__FORMAT__VALID_bm 0x80000000
#define SURFACE_RF__FORMAT__VALID_bp 31
#define SURFACE_RF__FORMAT__VALID_bw 1
#define SURFACE_RF__FORMAT__VALID_reset 0x0
typedef union {
    struct __attribute__ ((__packed__)) {
        uint32_t bytes_per_pixel :5;
        uint32_t :3;
        uint32_t layout :2;
        uint32_t :21;
        uint32_t valid :1;
    } f;
    uint32_t w;
} surface_rf__format_t;

// regfile - surface_rf
typedef struct __attribute__ ((__packed__)) {
    surface_rf__base_t base;
    surface_rf__extent_t extent;
    surface_rf__format_t format;
    uint8_t RESERVED_c_f[0x4];
} surface_rf__stride10_t;

// reg - object_rf::root_lo
#define OBJECT_RF__ROOT_LO__BASE_bm 0xfffff000
#define OBJECT_RF__ROOT_LO__BASE_bp 12
#define OBJECT_RF__ROOT_LO__BASE_bw 20
#define OBJECT_RF__ROOT_LO__BASE_reset 0x0
typedef union {
    struct __attribute__ ((__packed__)) {
        uint32_t :12;
        uint32_t base :20;
    } f;
    uint32_t w;
} object_rf__root_lo_t;

// reg - object_rf::root_hi
#define OBJECT_RF__ROOT_HI__BASE_bm 0xffffffff
#define OBJECT_RF__ROOT_HI__BASE_bp 0
#define OBJECT_RF__ROOT_HI__BASE_bw 32
#define OBJECT_RF__ROOT_HI__BASE_reset 0x0
typedef union {
    struct __attribute__ ((__packed__)) {
        uint32_t base :32;
    } f;
    uint32_t w;
} object_rf__root_hi_t;

// reg - object_rf::config
#define OBJECT_RF__CONFIG__PAGES_bm 0x1fffff
#define OBJECT_RF__CONFIG__PAGES_bp 0
#define OBJECT_RF__CONFIG__PAGES_bw 21
#define OBJECT_RF__CONFIG__PAGES_reset 0x0
#define OBJECT_RF__CONFIG__TWO_LEVEL_bm 0x40000000
#define OBJECT_RF__CONFIG__TWO_LEVEL_bp 30
#define OBJECT_RF__CONFIG__TWO_LEVEL_bw 1
#define OBJECT_RF__CONFIG__TWO_LEVEL_reset 0x0
#define OBJECT_RF__CONFIG__VALID_bm 0x80000000
#define OBJECT_RF__CONFIG__VALID_bp 31
#define OBJECT_RF__CONFIG__VALID_bw 1
#define OBJECT_RF__CONFIG__VALID_reset 0x0
typedef union {
    struct __attribute__ ((__packed__)) {
        uint32_t pages :21;
        uint32_t :9;
        uint32_t two_level :1;
        uint32_t valid :1;
    } f;
    uint32_t w;
} object_rf__config_t;

// regfile - object_rf
typedef struct __attribute__ ((__packed__)) {
    object_rf__root_lo_t root_lo;
    object_rf__root_hi_t root_hi;
    object_rf__config_t config;
    uint8_t RESERVED_c_f[0x4];
} object_rf__stride10_t;

// reg - counter_rf::transfer_busy_cycles
#define COUNTER_RF__TRANSFER_BUSY_CYCLES__COUNT_bm 0xffffffff
#define COUNTER_RF__TRANSFER_BUSY_CYCLES__COUNT_bp 0
#define COUNTER_RF__TRANSFER_BUSY_CYCLES__COUNT_bw 32
#define COUNTER_RF__TRANSFER_BUSY_CYCLES__COUNT_reset 0x0
typedef union {
    struct __attribute__ ((__packed__)) {
        uint32_t count :32;
    } f;
    uint32_t w;
} counter_rf__transfer_busy_cycles_t;

// reg - counter_rf::render_busy_cycles
#define COUNTER_RF__RENDER_BUSY_CYCLES__COUNT_bm 0xffffffff
#define COUNTER_RF__RENDER_BUSY_CYCLES__COUNT_bp 0
#define COUNTER_RF__RENDER_BUSY_CYCLES__COUNT_bw 32
#define COUNTER_RF__RENDER_BUSY_CYCLES__COUNT_reset 0x0
typedef union {
    struct __attribute__ ((__packed__)) {
        uint32_t count :32;
    } f;
    uint32_t w;
} counter_rf__render_busy_cycles_t;

// reg - counter_rf::read_beats
#define COUNTER_RF__READ_BEATS__COUNT_bm 0xffffffff
#define COUNTER_RF__READ_BEATS__COUNT_bp 0
#define COUNTER_RF__READ_BEATS__COUNT_bw 32
#define COUNTER_RF__READ_BEATS__COUNT_reset 0x0
typedef union {
    struct __attribute__ ((__packed__)) {
        uint32_t count :32;
    } f;
    uint32_t w;
} counter_rf__read_beats_t;

// reg - counter_rf::write_beats
#define COUNTER_RF__WRITE_BEATS__COUNT_bm 0xffffffff
#define COUNTER_RF__WRITE_BEATS__COUNT_bp 0
#define COUNTER_RF__WRITE_BEATS__COUNT_bw 32
#define COUNTER_RF__WRITE_BEATS__COUNT_reset 0x0
typedef union {
    struct __attribute__ ((__packed__)) {
        uint32_t count :32;
    } f;
    uint32_t w;
} counter_rf__write_beats_t;

// reg - counter_rf::read_stall_address
#define COUNTER_RF__READ_STALL_ADDRESS__COUNT_bm 0xffffffff
#define COUNTER_RF__READ_STALL_ADDRESS__COUNT_bp 0
#define COUNTER_RF__READ_STALL_ADDRESS__COUNT_bw 32
#define COUNTER_RF__READ_STALL_ADDRESS__COUNT_reset 0x0
typedef union {
    struct __attribute__ ((__packed__)) {
        uint32_t count :32;
    } f;
    uint32_t w;
} counter_rf__read_stall_address_t;

// reg - counter_rf::read_stall_data
#define COUNTER_RF__READ_STALL_DATA__COUNT_bm 0xffffffff
#define COUNTER_RF__READ_STALL_DATA__COUNT_bp 0
#define COUNTER_RF__READ_STALL_DATA__COUNT_bw 32
#define COUNTER_RF__READ_STALL_DATA__COUNT_reset 0x0
typedef union {
    struct __attribute__ ((__packed__)) {
        uint32_t count :32;
    } f;
    uint32_t w;
} counter_rf__read_stall_data_t;

// reg - counter_rf::read_stall_credit
#define COUNTER_RF__READ_STALL_CREDIT__COUNT_bm 0xffffffff
#define COUNTER_RF__READ_STALL_CREDIT__COUNT_bp 0
#define COUNTER_RF__READ_STALL_CREDIT__COUNT_bw 32
#define COUNTER_RF__READ_STALL_CREDIT__COUNT_reset 0x0
typedef union {
    struct __attribute__ ((__packed__)) {
        uint32_t count :32;
    } f;
    uint32_t w;
} counter_rf__read_stall_credit_t;

// reg - counter_rf::write_stall_address
#define COUNTER_RF__WRITE_STALL_ADDRESS__COUNT_bm 0xffffffff
#define COUNTER_RF__WRITE_STALL_ADDRESS__COUNT_bp 0
#define COUNTER_RF__WRITE_STALL_ADDRESS__COUNT_bw 32
#define COUNTER_RF__WRITE_STALL_ADDRESS__COUNT_reset 0x0
typedef union {
    struct __attribute__ ((__packed__)) {
        uint32_t count :32;
    } f;
    uint32_t w;
} counter_rf__write_stall_address_t;

// reg - counter_rf::write_stall_data
#define COUNTER_RF__WRITE_STALL_DATA__COUNT_bm 0xffffffff
#define COUNTER_RF__WRITE_STALL_DATA__COUNT_bp 0
#define COUNTER_RF__WRITE_STALL_DATA__COUNT_bw 32
#define COUNTER_RF__WRITE_STALL_DATA__COUNT_reset 0x0
typedef union {
    struct __attribute__ ((__packed__)) {
        uint32_t count :32;
    } f;
    uint32_t w;
} counter_rf__write_stall_data_t;

// reg - counter_rf::write_stall_device
#define COUNTER_RF__WRITE_STALL_DEVICE__COUNT_bm 0xffffffff
#define COUNTER_RF__WRITE_STALL_DEVICE__COUNT_bp 0
#define COUNTER_RF__WRITE_STALL_DEVICE__COUNT_bw 32
#define COUNTER_RF__WRITE_STALL_DEVICE__COUNT_reset 0x0
typedef union {
    struct __attribute__ ((__packed__)) {
        uint32_t count :32;
    } f;
    uint32_t w;
} counter_rf__write_stall_device_t;

// reg - counter_rf::stall_translation
#define COUNTER_RF__STALL_TRANSLATION__COUNT_bm 0xffffffff
#define COUNTER_RF__STALL_TRANSLATION__COUNT_bp 0
#define COUNTER_RF__STALL_TRANSLATION__COUNT_bw 32
#define COUNTER_RF__STALL_TRANSLATION__COUNT_reset 0x0
typedef union {
    struct __attribute__ ((__packed__)) {
        uint32_t count :32;
    } f;
    uint32_t w;
} counter_rf__stall_translation_t;

// reg - counter_rf::transfer_descriptors
#define COUNTER_RF__TRANSFER_DESCRIPTORS__COUNT_bm 0xffffffff
#define COUNTER_RF__TRANSFER_DESCRIPTORS__COUNT_bp 0
#define COUNTER_RF__TRANSFER_DESCRIPTORS__COUNT_bw 32
#define COUNTER_RF__TRANSFER_DESCRIPTORS__COUNT_reset 0x0
typedef union {
    struct __attribute__ ((__packed__)) {
        uint32_t count :32;
    } f;
    uint32_t w;
} counter_rf__transfer_descriptors_t;

// reg - counter_rf::render_descriptors
#define COUNTER_RF__RENDER_DESCRIPTORS__COUNT_bm 0xffffffff
#define COUNTER_RF__RENDER_DESCRIPTORS__COUNT_bp 0
#define COUNTER_RF__RENDER_DESCRIPTORS__COUNT_bw 32
#define COUNTER_RF__RENDER_DESCRIPTORS__COUNT_reset 0x0
typedef union {
    struct __attribute__ ((__packed__)) {
        uint32_t count :32;
    } f;
    uint32_t w;
} counter_rf__render_descriptors_t;

// reg - counter_rf::tlb_hits
#define COUNTER_RF__TLB_HITS__COUNT_bm 0xffffffff
#define COUNTER_RF__TLB_HITS__COUNT_bp 0
#define COUNTER_RF__TLB_HITS__COUNT_bw 32
#define COUNTER_RF__TLB_HITS__COUNT_reset 0x0
typedef union {
    struct __attribute__ ((__packed__)) {
        uint32_t count :32;
    } f;
    uint32_t w;
} counter_rf__tlb_hits_t;

// reg - counter_rf::tlb_misses
#define COUNTER_RF__TLB_MISSES__COUNT_bm 0xffffffff
#define COUNTER_RF__TLB_MISSES__COUNT_bp 0
#define COUNTER_RF__TLB_MISSES__COUNT_bw 32
#define COUNTER_RF__TLB_MISSES__COUNT_reset 0x0
typedef union {
    struct __attribute__ ((__packed__)) {
        uint32_t count :32;
    } f;
    uint32_t w;
} counter_rf__tlb_misses_t;

// reg - counter_rf::bank_conflicts
#define COUNTER_RF__BANK_CONFLICTS__COUNT_bm 0xffffffff
#define COUNTER_RF__BANK_CONFLICTS__COUNT_bp 0
#define COUNTER_RF__BANK_CONFLICTS__COUNT_bw 32
#define COUNTER_RF__BANK_CONFLICTS__COUNT_reset 0x0
typedef union {
    struct __attribute__ ((__packed__)) {
        uint32_t count :32;
    } f;
    uint32_t w;
} counter_rf__bank_conflicts_t;

// reg - counter_rf::latency
#define COUNTER_RF__LATENCY__COUNT_bm 0xffffffff
#define COUNTER_RF__LATENCY__COUNT_bp 0
#define COUNTER_RF__LATENCY__COUNT_bw 32
#define COUNTER_RF__LATENCY__COUNT_reset 0x0
typedef union {
    struct __attribute__ ((__packed__)) {
        uint32_t count :32;
    } f;
    uint32_t w;
} counter_rf__latency_t;

// regfile - counter_rf
typedef struct __attribute__ ((__packed__)) {
    counter_rf__transfer_busy_cycles_t transfer_busy_cycles;
    counter_rf__render_busy_cycles_t render_busy_cycles;
    counter_rf__read_beats_t read_beats;
    counter_rf__write_beats_t write_beats;
    counter_rf__read_stall_address_t read_stall_address;
    counter_rf__read_stall_data_t read_stall_data;
    counter_rf__read_stall_credit_t read_stall_credit;
    counter_rf__write_stall_address_t write_stall_address;
    counter_rf__write_stall_data_t write_stall_data;
    counter_rf__write_stall_device_t write_stall_device;
    counter_rf__stall_translation_t stall_translation;
    counter_rf__transfer_descriptors_t transfer_descriptors;
    counter_rf__render_descriptors_t render_descriptors;
    counter_rf__tlb_hits_t tlb_hits;
    counter_rf__tlb_misses_t tlb_misses;
    counter_rf__bank_conflicts_t bank_conflicts;
    counter_rf__latency_t latency[16];
} counter_rf_t;

// addrmap - faultline
typedef struct __attribute__ ((__packed__)) {
    faultline__id_t id;
    faultline__version_t version;
    faultline__parameters_t parameters;
    faultline__control_t control;
    faultline__status_t status;
    faultline__irq_status_t irq_status;
    faultline__irq_enable_t irq_enable;
    faultline__irq_coalesce_t irq_coalesce;
    faultline__watchdog_t watchdog;
    faultline__cycle_lo_t cycle_lo;
    faultline__cycle_hi_t cycle_hi;
    uint8_t RESERVED_2c_ff[0xd4];
    queue_rf__stride80_t queue[2];
    uint8_t RESERVED_200_3ff[0x200];
    surface_rf__stride10_t surface[16];
    uint8_t RESERVED_500_7ff[0x300];
    object_rf__stride10_t object[16];
    uint8_t RESERVED_900_bff[0x300];
    counter_rf_t counter;
} faultline_t;

// reg - descriptor::word0
#define DESCRIPTOR__WORD0__OPCODE_bm 0xff
#define DESCRIPTOR__WORD0__OPCODE_bp 0
#define DESCRIPTOR__WORD0__OPCODE_bw 8
#define DESCRIPTOR__WORD0__OPCODE_reset 0x0
#define DESCRIPTOR__WORD0__INTERRUPT_bm 0x100
#define DESCRIPTOR__WORD0__INTERRUPT_bp 8
#define DESCRIPTOR__WORD0__INTERRUPT_bw 1
#define DESCRIPTOR__WORD0__INTERRUPT_reset 0x0
#define DESCRIPTOR__WORD0__ORDER_bm 0x200
#define DESCRIPTOR__WORD0__ORDER_bp 9
#define DESCRIPTOR__WORD0__ORDER_bw 1
#define DESCRIPTOR__WORD0__ORDER_reset 0x0
#define DESCRIPTOR__WORD0__RESERVED0_bm 0xfffffc00
#define DESCRIPTOR__WORD0__RESERVED0_bp 10
#define DESCRIPTOR__WORD0__RESERVED0_bw 22
#define DESCRIPTOR__WORD0__RESERVED0_reset 0x0
#define DESCRIPTOR__WORD0__TAG_bm 0xffffffff00000000
#define DESCRIPTOR__WORD0__TAG_bp 32
#define DESCRIPTOR__WORD0__TAG_bw 32
#define DESCRIPTOR__WORD0__TAG_reset 0x0
typedef union {
    struct __attribute__ ((__packed__)) {
        uint64_t opcode :8;
        uint64_t interrupt :1;
        uint64_t order :1;
        uint64_t reserved0 :22;
        uint64_t tag :32;
    } f;
    uint64_t w;
} descriptor__word0_t;

// reg - descriptor::word1
#define DESCRIPTOR__WORD1__SURFACE_bm 0xff
#define DESCRIPTOR__WORD1__SURFACE_bp 0
#define DESCRIPTOR__WORD1__SURFACE_bw 8
#define DESCRIPTOR__WORD1__SURFACE_reset 0x0
#define DESCRIPTOR__WORD1__OBJECT_bm 0xff00
#define DESCRIPTOR__WORD1__OBJECT_bp 8
#define DESCRIPTOR__WORD1__OBJECT_bw 8
#define DESCRIPTOR__WORD1__OBJECT_reset 0x0
#define DESCRIPTOR__WORD1__QUEUE_bm 0xff0000
#define DESCRIPTOR__WORD1__QUEUE_bp 16
#define DESCRIPTOR__WORD1__QUEUE_bw 8
#define DESCRIPTOR__WORD1__QUEUE_reset 0x0
#define DESCRIPTOR__WORD1__RESERVED1_bm 0xff000000
#define DESCRIPTOR__WORD1__RESERVED1_bp 24
#define DESCRIPTOR__WORD1__RESERVED1_bw 8
#define DESCRIPTOR__WORD1__RESERVED1_reset 0x0
#define DESCRIPTOR__WORD1__HOST_OFFSET_bm 0xffffffff00000000
#define DESCRIPTOR__WORD1__HOST_OFFSET_bp 32
#define DESCRIPTOR__WORD1__HOST_OFFSET_bw 32
#define DESCRIPTOR__WORD1__HOST_OFFSET_reset 0x0
typedef union {
    struct __attribute__ ((__packed__)) {
        uint64_t surface :8;
        uint64_t object :8;
        uint64_t queue :8;
        uint64_t reserved1 :8;
        uint64_t host_offset :32;
    } f;
    uint64_t w;
} descriptor__word1_t;

// reg - descriptor::word2
#define DESCRIPTOR__WORD2__X_bm 0xfffff
#define DESCRIPTOR__WORD2__X_bp 0
#define DESCRIPTOR__WORD2__X_bw 20
#define DESCRIPTOR__WORD2__X_reset 0x0
#define DESCRIPTOR__WORD2__Y_bm 0xffff00000
#define DESCRIPTOR__WORD2__Y_bp 20
#define DESCRIPTOR__WORD2__Y_bw 16
#define DESCRIPTOR__WORD2__Y_reset 0x0
#define DESCRIPTOR__WORD2__WIDTH_bm 0xfffff000000000
#define DESCRIPTOR__WORD2__WIDTH_bp 36
#define DESCRIPTOR__WORD2__WIDTH_bw 20
#define DESCRIPTOR__WORD2__WIDTH_reset 0x0
#define DESCRIPTOR__WORD2__RESERVED2_bm 0xff00000000000000
#define DESCRIPTOR__WORD2__RESERVED2_bp 56
#define DESCRIPTOR__WORD2__RESERVED2_bw 8
#define DESCRIPTOR__WORD2__RESERVED2_reset 0x0
typedef union {
    struct __attribute__ ((__packed__)) {
        uint64_t x :20;
        uint64_t y :16;
        uint64_t width :20;
        uint64_t reserved2 :8;
    } f;
    uint64_t w;
} descriptor__word2_t;

// reg - descriptor::word3
#define DESCRIPTOR__WORD3__HEIGHT_bm 0xffff
#define DESCRIPTOR__WORD3__HEIGHT_bp 0
#define DESCRIPTOR__WORD3__HEIGHT_bw 16
#define DESCRIPTOR__WORD3__HEIGHT_reset 0x0
#define DESCRIPTOR__WORD3__RESERVED3_bm 0xffff0000
#define DESCRIPTOR__WORD3__RESERVED3_bp 16
#define DESCRIPTOR__WORD3__RESERVED3_bw 16
#define DESCRIPTOR__WORD3__RESERVED3_reset 0x0
#define DESCRIPTOR__WORD3__HOST_STRIDE_bm 0xffffffff00000000
#define DESCRIPTOR__WORD3__HOST_STRIDE_bp 32
#define DESCRIPTOR__WORD3__HOST_STRIDE_bw 32
#define DESCRIPTOR__WORD3__HOST_STRIDE_reset 0x0
typedef union {
    struct __attribute__ ((__packed__)) {
        uint64_t height :16;
        uint64_t reserved3 :16;
        uint64_t host_stride :32;
    } f;
    uint64_t w;
} descriptor__word3_t;

// reg - descriptor::word4
#define DESCRIPTOR__WORD4__SOURCE_SURFACE_bm 0xff
#define DESCRIPTOR__WORD4__SOURCE_SURFACE_bp 0
#define DESCRIPTOR__WORD4__SOURCE_SURFACE_bw 8
#define DESCRIPTOR__WORD4__SOURCE_SURFACE_reset 0x0
#define DESCRIPTOR__WORD4__RESERVED4_bm 0xff00
#define DESCRIPTOR__WORD4__RESERVED4_bp 8
#define DESCRIPTOR__WORD4__RESERVED4_bw 8
#define DESCRIPTOR__WORD4__RESERVED4_reset 0x0
#define DESCRIPTOR__WORD4__SOURCE_X_bm 0xfffff0000
#define DESCRIPTOR__WORD4__SOURCE_X_bp 16
#define DESCRIPTOR__WORD4__SOURCE_X_bw 20
#define DESCRIPTOR__WORD4__SOURCE_X_reset 0x0
#define DESCRIPTOR__WORD4__SOURCE_Y_bm 0xffff000000000
#define DESCRIPTOR__WORD4__SOURCE_Y_bp 36
#define DESCRIPTOR__WORD4__SOURCE_Y_bw 16
#define DESCRIPTOR__WORD4__SOURCE_Y_reset 0x0
#define DESCRIPTOR__WORD4__RESERVED5_bm 0xfff0000000000000
#define DESCRIPTOR__WORD4__RESERVED5_bp 52
#define DESCRIPTOR__WORD4__RESERVED5_bw 12
#define DESCRIPTOR__WORD4__RESERVED5_reset 0x0
typedef union {
    struct __attribute__ ((__packed__)) {
        uint64_t source_surface :8;
        uint64_t reserved4 :8;
        uint64_t source_x :20;
        uint64_t source_y :16;
        uint64_t reserved5 :12;
    } f;
    uint64_t w;
} descriptor__word4_t;

// reg - descriptor::word5
#define DESCRIPTOR__WORD5__RESERVED6_bm 0xffffffffffffffff
#define DESCRIPTOR__WORD5__RESERVED6_bp 0
#define DESCRIPTOR__WORD5__RESERVED6_bw 64
#define DESCRIPTOR__WORD5__RESERVED6_reset 0x0
typedef union {
    struct __attribute__ ((__packed__)) {
        uint64_t reserved6 :64;
    } f;
    uint64_t w;
} descriptor__word5_t;

// reg - descriptor::word6
#define DESCRIPTOR__WORD6__PATTERN_LOW_bm 0xffffffffffffffff
#define DESCRIPTOR__WORD6__PATTERN_LOW_bp 0
#define DESCRIPTOR__WORD6__PATTERN_LOW_bw 64
#define DESCRIPTOR__WORD6__PATTERN_LOW_reset 0x0
typedef union {
    struct __attribute__ ((__packed__)) {
        uint64_t pattern_low :64;
    } f;
    uint64_t w;
} descriptor__word6_t;

// reg - descriptor::word7
#define DESCRIPTOR__WORD7__PATTERN_HIGH_bm 0xffffffffffffffff
#define DESCRIPTOR__WORD7__PATTERN_HIGH_bp 0
#define DESCRIPTOR__WORD7__PATTERN_HIGH_bw 64
#define DESCRIPTOR__WORD7__PATTERN_HIGH_reset 0x0
typedef union {
    struct __attribute__ ((__packed__)) {
        uint64_t pattern_high :64;
    } f;
    uint64_t w;
} descriptor__word7_t;

// addrmap - descriptor
typedef struct __attribute__ ((__packed__)) {
    descriptor__word0_t word0;
    descriptor__word1_t word1;
    descriptor__word2_t word2;
    descriptor__word3_t word3;
    descriptor__word4_t word4;
    descriptor__word5_t word5;
    descriptor__word6_t word6;
    descriptor__word7_t word7;
} descriptor_t;

// reg - record::word0
#define RECORD__WORD0__TAG_bm 0xffffffff
#define RECORD__WORD0__TAG_bp 0
#define RECORD__WORD0__TAG_bw 32
#define RECORD__WORD0__TAG_reset 0x0
#define RECORD__WORD0__OPCODE_bm 0xff00000000
#define RECORD__WORD0__OPCODE_bp 32
#define RECORD__WORD0__OPCODE_bw 8
#define RECORD__WORD0__OPCODE_reset 0x0
#define RECORD__WORD0__CAUSE_bm 0xff0000000000
#define RECORD__WORD0__CAUSE_bp 40
#define RECORD__WORD0__CAUSE_bw 8
#define RECORD__WORD0__CAUSE_reset 0x0
#define RECORD__WORD0__STATUS_bm 0xf000000000000
#define RECORD__WORD0__STATUS_bp 48
#define RECORD__WORD0__STATUS_bw 4
#define RECORD__WORD0__STATUS_reset 0x0
#define RECORD__WORD0__QUEUE_bm 0x100000000000000
#define RECORD__WORD0__QUEUE_bp 56
#define RECORD__WORD0__QUEUE_bw 1
#define RECORD__WORD0__QUEUE_reset 0x0
#define RECORD__WORD0__PHASE_bm 0x8000000000000000
#define RECORD__WORD0__PHASE_bp 63
#define RECORD__WORD0__PHASE_bw 1
#define RECORD__WORD0__PHASE_reset 0x0
typedef union {
    struct __attribute__ ((__packed__)) {
        uint64_t tag :32;
        uint64_t opcode :8;
        uint64_t cause :8;
        uint64_t status :4;
        uint64_t :4;
        uint64_t queue :1;
        uint64_t :6;
        uint64_t phase :1;
    } f;
    uint64_t w;
} record__word0_t;

// reg - record::word1
#define RECORD__WORD1__ADDRESS_bm 0xffffffffffffffff
#define RECORD__WORD1__ADDRESS_bp 0
#define RECORD__WORD1__ADDRESS_bw 64
#define RECORD__WORD1__ADDRESS_reset 0x0
typedef union {
    struct __attribute__ ((__packed__)) {
        uint64_t address :64;
    } f;
    uint64_t w;
} record__word1_t;

// reg - record::word2
#define RECORD__WORD2__BYTES_bm 0xffffffff
#define RECORD__WORD2__BYTES_bp 0
#define RECORD__WORD2__BYTES_bw 32
#define RECORD__WORD2__BYTES_reset 0x0
#define RECORD__WORD2__ELAPSED_bm 0xffffffff00000000
#define RECORD__WORD2__ELAPSED_bp 32
#define RECORD__WORD2__ELAPSED_bw 32
#define RECORD__WORD2__ELAPSED_reset 0x0
typedef union {
    struct __attribute__ ((__packed__)) {
        uint64_t bytes :32;
        uint64_t elapsed :32;
    } f;
    uint64_t w;
} record__word2_t;

// reg - record::word3
#define RECORD__WORD3__END_CYCLE_bm 0xffffffffffffffff
#define RECORD__WORD3__END_CYCLE_bp 0
#define RECORD__WORD3__END_CYCLE_bw 64
#define RECORD__WORD3__END_CYCLE_reset 0x0
typedef union {
    struct __attribute__ ((__packed__)) {
        uint64_t end_cycle :64;
    } f;
    uint64_t w;
} record__word3_t;

// addrmap - record
typedef struct __attribute__ ((__packed__)) {
    record__word0_t word0;
    record__word1_t word1;
    record__word2_t word2;
    record__word3_t word3;
} record_t;

// reg - page_table_entry::word
#define PAGE_TABLE_ENTRY__WORD__VALID_bm 0x1
#define PAGE_TABLE_ENTRY__WORD__VALID_bp 0
#define PAGE_TABLE_ENTRY__WORD__VALID_bw 1
#define PAGE_TABLE_ENTRY__WORD__VALID_reset 0x0
#define PAGE_TABLE_ENTRY__WORD__WRITABLE_bm 0x2
#define PAGE_TABLE_ENTRY__WORD__WRITABLE_bp 1
#define PAGE_TABLE_ENTRY__WORD__WRITABLE_bw 1
#define PAGE_TABLE_ENTRY__WORD__WRITABLE_reset 0x0
#define PAGE_TABLE_ENTRY__WORD__FRAME_bm 0xffffffffff000
#define PAGE_TABLE_ENTRY__WORD__FRAME_bp 12
#define PAGE_TABLE_ENTRY__WORD__FRAME_bw 40
#define PAGE_TABLE_ENTRY__WORD__FRAME_reset 0x0
typedef union {
    struct __attribute__ ((__packed__)) {
        uint64_t valid :1;
        uint64_t writable :1;
        uint64_t :10;
        uint64_t frame :40;
        uint64_t :12;
    } f;
    uint64_t w;
} page_table_entry__word_t;

// addrmap - page_table_entry
typedef struct __attribute__ ((__packed__)) {
    page_table_entry__word_t word;
} page_table_entry_t;


static_assert(sizeof(faultline_t) == 0xc80, "Packing error");
static_assert(sizeof(descriptor_t) == 0x40, "Packing error");
static_assert(sizeof(record_t) == 0x20, "Packing error");
static_assert(sizeof(page_table_entry_t) == 0x8, "Packing error");

#ifdef __cplusplus
}
#endif

#endif
