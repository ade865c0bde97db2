"""The daemon: one TaskGroup, one mailbox, and the hands that carry out what the dispatcher orders."""
