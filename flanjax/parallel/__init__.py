"""The mesh, the processes of a run, and how they watch each other."""
