"""Measuring the way from a sound output to a sound input, and what to send over it."""
