"""The daemon: sound from any number of inputs, files in an inbox, and somebody who may watch."""
