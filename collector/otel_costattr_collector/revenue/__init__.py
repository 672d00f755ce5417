"""Revenue: what customers pay, each record once, in USD by dated rates."""
