"""Dialects: one folder of knowledge per venue, pure."""
