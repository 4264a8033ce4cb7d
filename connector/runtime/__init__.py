"""The shell's tools: clock, HTTP, streams, journal, key stores, log."""
