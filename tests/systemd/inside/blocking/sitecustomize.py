"""Lets a test block the daemon: on SIGUSR2 its main thread sleeps for ten minutes."""

import signal
import time

signal.signal(signal.SIGUSR2, lambda *_: time.sleep(600))
