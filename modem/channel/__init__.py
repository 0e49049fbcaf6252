"""Simulated channels: what happens to a signal between the sender and the receiver.

    channel = parse("g711u,awgn=35,skew=80", seed=7)
    heard, sample_rate = channel.apply(samples, sample_rate)

The steps of a specification are separated by commas and act from left to right. A bundle's name
stands for its steps. `steps` and `bundles` list what exists, with help for people. Whole arrays
in, whole arrays out: this is a simulation, not a stage of the receiver.
"""

from modem.channel.grammar import Channel, parse
from modem.channel.signal import ChannelError
from modem.channel.steps import Step, bundles, steps

__all__ = ["Channel", "ChannelError", "Step", "bundles", "parse", "steps"]
