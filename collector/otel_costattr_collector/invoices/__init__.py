"""Invoices: statements for customers, and bills of providers held against the ledger."""
