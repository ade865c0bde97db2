"""The spool on disk: from a bundle dropped in the inbox to a result in the outbox.

The daemon and the command line call it; everything here blocks, so the daemon calls it in threads.
It must not import pool, host, daemon or cli, and never decodes audio.
"""
