"""Text for people and programs: numbers and times, untrusted text made printable, JSON, pronunciations.

Every part of fishd but the engines uses it.
It must not import anything else of fishd.
"""
