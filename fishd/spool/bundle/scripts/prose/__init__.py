"""Prose: paragraphs split at sentence ends, with the chapters that headings begin.

`scripts.read` calls the readers of plain text and Markdown; the EPUB reader uses `writer`. Nothing in here
may import the other kinds of scripts.
"""
