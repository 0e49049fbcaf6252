"""The sound card: devices, sound in and out of them, each in a process of its own."""
