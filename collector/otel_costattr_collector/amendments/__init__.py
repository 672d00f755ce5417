"""Amendments: new prices, owners learned later and late telemetry, each a pair of lines."""
