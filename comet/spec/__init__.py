"""The Comet Server API as data, and the generator that turns it into code."""
