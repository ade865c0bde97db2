"""A bundle that was read, as text: what would come out of it, who speaks, and every line in script order.

`fishd check` prints it.
It must not import view.report, view.status or view.plan.
"""
