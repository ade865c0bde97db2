"""The end of a job: assemble its clips, report it, publish its result, run the hook.

The controller gives it jobs that are over; the event loop receives its messages.
It must not import intake, and changes nothing in the outbox once a result is there.
"""
