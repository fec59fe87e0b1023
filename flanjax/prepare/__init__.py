"""`flanjax prepare`: makes a mixture's packed rows once, on many workers."""
