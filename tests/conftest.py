"""Limits numerical libraries to one thread each, before they are imported.

With small matrices, several threads wait for each other longer than they compute.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("GOMP_SPINCOUNT", "0")
