"""The inbox: watch it, scan it for bundles that are complete, and claim them into work/.

The daemon calls it, from one task.
It must not import journal or outbox, and reads bundles only through bundle and archive.
"""
