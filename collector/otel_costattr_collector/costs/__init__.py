"""Costs that are no model call: posted, recorded by applications, or found in spans by rules."""
