"""The nouns: frozen values shared by every room of the house."""
