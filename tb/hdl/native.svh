// native.svh: the library of tb/native/hostmem.c, one spelling for both simulators.
//
// Include it inside a module that has a parameter DATA_W. Verilator calls DPI-C functions, Icarus the system tasks of
// the same names, so every call is a statement: results come back through the last argument.
`ifdef VERILATOR
    import "DPI-C" function longint unsigned hostmem_open();
    import "DPI-C" function void hostmem_read(input longint unsigned address, input int bytes, output bit [DATA_W-1:0] data);
    import "DPI-C" function int hostmem_owned(input longint unsigned address, input longint unsigned bytes);
    import "DPI-C" function longint unsigned hostmem_unwritten(
        input longint unsigned address, input int bytes, input longint unsigned lanes);
    import "DPI-C" function int hostmem_tell(input longint unsigned address);
    import "DPI-C" function void hostmem_stage(
        input longint unsigned address, input int bytes, input bit [DATA_W-1:0] data, input longint unsigned strobe);
    import "DPI-C" function void hostmem_close(input int unsigned slot);
    import "DPI-C" function void hostmem_drop();
    import "DPI-C" function void hostmem_commit(input int unsigned slot);
    import "DPI-C" function void device_open(input longint unsigned bytes);
    import "DPI-C" function void device_put(input longint unsigned offset, input int bytes, input bit [DATA_W-1:0] data);
    import "DPI-C" function void device_close();
    import "DPI-C" function void trace_flush();
    import "DPI-C" function void trace_event(
        input longint unsigned cycle, input longint unsigned address, input int unsigned tag, input int unsigned length,
        input int unsigned value, input int unsigned cause, input int unsigned kind, input int unsigned id);
    `define HOSTMEM_OPEN(size) size = hostmem_open()
    `define HOSTMEM_READ   hostmem_read
    `define HOSTMEM_OWNED(address, bytes, owned) owned = hostmem_owned(address, bytes)
    `define HOSTMEM_UNWRITTEN(address, bytes, lanes, mask) mask = hostmem_unwritten(address, bytes, lanes)
    `define HOSTMEM_TELL(address, first) first = hostmem_tell(address)
    `define HOSTMEM_STAGE  hostmem_stage
    `define HOSTMEM_CLOSE  hostmem_close
    `define HOSTMEM_DROP   hostmem_drop()
    `define HOSTMEM_COMMIT hostmem_commit
    `define DEVICE_OPEN    device_open
    `define DEVICE_PUT     device_put
    `define DEVICE_CLOSE   device_close()
    `define TRACE_FLUSH    trace_flush()
    `define TRACE_EVENT    trace_event
`else
    `define HOSTMEM_OPEN(size) $hostmem_open(size)
    `define HOSTMEM_READ   $hostmem_read
    `define HOSTMEM_OWNED  $hostmem_owned
    `define HOSTMEM_UNWRITTEN $hostmem_unwritten
    `define HOSTMEM_TELL   $hostmem_tell
    `define HOSTMEM_STAGE  $hostmem_stage
    `define HOSTMEM_CLOSE  $hostmem_close
    `define HOSTMEM_DROP   $hostmem_drop
    `define HOSTMEM_COMMIT $hostmem_commit
    `define DEVICE_OPEN    $device_open
    `define DEVICE_PUT     $device_put
    `define DEVICE_CLOSE   $device_close
    `define TRACE_FLUSH    $trace_flush
    `define TRACE_EVENT    $trace_event
`endif
