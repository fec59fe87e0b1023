"""What runs runs: studies, and a doctor for one's own run."""
