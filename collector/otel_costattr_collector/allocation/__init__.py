"""Allocation: moving costs to who uses them, as lines that sum to zero."""
