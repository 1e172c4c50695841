"""Proofs of what the hardware promises: the prover, its tasks, and one table of verdicts (`make formal`).

`proof` says what a proof is, `catalogue` lists all of them, `prover` runs one task of one proof, `__main__` is the
face. The properties stand in tests/formal, one wrapper a proof, beside the design and never inside it.
"""
