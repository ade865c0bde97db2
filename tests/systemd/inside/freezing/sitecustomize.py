"""For a daemon that can be frozen: SIGUSR2 blocks its loop in a call that never returns."""

import signal
import time

signal.signal(signal.SIGUSR2, lambda *_: time.sleep(600))
