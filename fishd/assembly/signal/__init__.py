"""What is done to samples: measured, levelled, limited, stretched; arrays in, arrays out.

The assembly calls it with mono samples, 16-bit or float32 on the same scale (full scale is 32768).
It reads and writes no files and imports nothing but `fishd.core.delivery`.
"""
