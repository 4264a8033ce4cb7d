"""Deterministic worlds: virtual time, an in-memory network, seeds and tapes.

Unmodified asyncio, httpx and websockets code runs in a world; a day of it takes
seconds, and the same seed gives the same bytes at the same virtual times. Start
with `connector.sim.world`.
"""
