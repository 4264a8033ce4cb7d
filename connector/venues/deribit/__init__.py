"""Deribit: options, futures and perpetuals over JSON-RPC."""
