"""The simulated venue: market, engine, ledger, faces, server, faults."""
