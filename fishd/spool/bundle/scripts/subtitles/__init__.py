"""Subtitle files: SubRip, WebVTT and SubStation Alpha, read into cues and then into lines with times.

`scripts.read` calls one reader for each format. Nothing in here may import the other kinds of scripts.
"""
