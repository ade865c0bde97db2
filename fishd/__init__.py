"""fishd: a folder dropped in the inbox becomes a folder of speech in the outbox."""

__version__ = "0.1.0"
