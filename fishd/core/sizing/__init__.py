"""How many workers run on which device, and with how much memory: from GPUs and configuration to a plan.

The daemon, `fishd plan` and `fishd calibrate` call it.
It must not import anything of fishd but core.config and core.text, and does not query the GPUs.
"""
