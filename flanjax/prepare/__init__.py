"""`flanjax prepare`: a mixture's packed rows, made once on many workers."""
