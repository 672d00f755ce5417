"""Closed months: their sums stay as they are; what is learned later has a later date."""
