"""Reading bundles: an untrusted folder of manifest, texts and clips becomes a Job or a list of faults.

The inbox calls it to see whether a bundle is complete, the daemon and the command line to load it.
It must not import inbox, journal or outbox, and never decodes audio.
"""
