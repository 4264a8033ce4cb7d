"""Authenticated private-stream trading connector for crypto derivatives venues."""

__version__ = "0.1.0"
