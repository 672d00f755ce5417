"""What the law asks: a person is forgotten, the totals stay."""
