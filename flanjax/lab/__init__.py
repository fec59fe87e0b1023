"""What runs runs: studies of several, published suites, and a doctor for one's own run."""
