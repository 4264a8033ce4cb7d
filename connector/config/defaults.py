"""What is meant when nothing is said; imported by everything, imports nothing."""

DEFAULT_PROFILE = "paper:binance"
