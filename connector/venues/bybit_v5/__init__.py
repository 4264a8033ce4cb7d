"""Bybit v5, USDT and USDC perpetuals and futures of a unified trading account."""
