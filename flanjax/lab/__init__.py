"""What runs runs: studies of several."""
