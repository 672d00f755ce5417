"""Margins: what is left of revenue after cost, and what follows from it."""
