"""The machine: synchronous, deterministic; time and randomness are arguments."""
