"""EPUB books, versions 2 and 3: an untrusted ZIP archive of pages, read without unpacking it.

`scripts.read` calls `book.read_epub`. Nothing in here may import the other kinds of scripts, but for the
prose writer.
"""
