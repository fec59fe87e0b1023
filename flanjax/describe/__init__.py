"""What a mixture is, as values: its plan, its lengths, what is wrong with its rows, and its examples as text."""
