"""Before any library is imported: one thread each, for small matrices spin more than they compute."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("GOMP_SPINCOUNT", "0")
