"""CPU programs as generators: what uses the driver the way applications do."""
