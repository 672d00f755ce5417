"""Every model call counted once, priced exactly and owned by someone."""
