"""The mesh, the processes of a run, and how these processes notice each other's end."""
