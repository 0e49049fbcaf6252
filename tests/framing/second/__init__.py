"""A second implementation of the container, written from `framing/README.md` alone.

Nothing here comes from `framing`: other libraries do the cryptography, plain Python the rest. What
both implementations agree on is therefore the page and not a habit of one of them.
"""
