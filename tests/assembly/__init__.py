"""The assembly: what it does to samples, and the real process on real files."""
