"""What a call costs: the price book, name matching and exact arithmetic."""
