"""Clips that exist already, with their texts: found in a result or a folder, and checked as takes are.

`fishd listen` calls it.
It must not decode audio: workers measure clips, and listeners hear them.
"""
