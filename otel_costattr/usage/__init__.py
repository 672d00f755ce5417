"""What a span says: attributes of any dialect to disjoint counts."""
