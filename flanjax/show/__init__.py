"""`flanjax show`: prints a mixture (mixture), or a catalogue of folders (catalogue)."""
