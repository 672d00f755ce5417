"""Who owns a call: dimensions, aliases, rules and hashing."""
