"""Pages for people: a run, or runs side by side."""
