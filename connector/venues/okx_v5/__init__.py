"""OKX v5: what its wire says, and how to say things on it."""
