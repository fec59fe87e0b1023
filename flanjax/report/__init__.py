"""HTML pages about a run, or about several runs side by side."""
