"""What is meant when nothing is said; imported by everything, imports nothing."""

DEFAULT_VENUE = "binance"
DEFAULT_PROFILE = f"paper:{DEFAULT_VENUE}"
