"""What programs and devices do to a shared buffer: traces of it, programs that make traces, and playing them."""
