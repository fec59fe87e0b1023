"""A model on this machine's own address: a page for people, and an OpenAI-compatible endpoint for programs."""
