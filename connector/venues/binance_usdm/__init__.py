"""Binance USD-M futures: what it says, what it understands, and nothing else."""
