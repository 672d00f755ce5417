"""The named questions: what may be asked, how it is asked of the store, and what comes back."""
