"""What the user does next about a job that is not done."""

from __future__ import annotations

import shlex

from rich.text import Text

from fishd.core.model.job import JobStatus
from fishd.core.model.result import Result
from fishd.view.crop import cropped
from fishd.view.layout import NEXT


def next_step(result: Result, bundle: str) -> Text | None:
    """None for a job that is done. `bundle` is where it is archived, from the spool's root."""
    bundle = cropped(bundle, 48)
    match result.status:
        case JobStatus.DONE:
            return None
        case JobStatus.PARTIAL | JobStatus.FAILED:
            return _after_failures(result, bundle)
        case JobStatus.REJECTED:
            fix = f"Fix the bundle, which is in {bundle}, and drop it again. To check it before: "
            return Text.assemble(fix, ("fishd check BUNDLE", NEXT))
        case JobStatus.CANCELLED:
            return Text(f"To have it spoken after all, drop the bundle again; it is in {bundle}.")


def _after_failures(result: Result, bundle: str) -> Text:
    """A retry, unless another take of a segment would fail like the last one."""
    retry = f"fishd retry {shlex.quote(cropped(result.job, 40))}", NEXT
    done, failed, hopeless = result.totals.done, result.totals.failed, result.num_not_retryable
    if not hopeless:
        if not done:
            return Text.assemble("Fix the cause, then: ", retry, f" (the bundle is in {bundle})")
        return Text.assemble(retry, " speaks the failed segments again; finished segments are kept.")
    which = f" {hopeless:,} of the {failed:,} failed segments" if hopeless < failed else ""
    fix = f"fix the text or the reference, then drop the bundle again (it is in {bundle})."
    step = Text(f"A retry cannot help{which}: {fix}")
    if done:
        step.append(" Finished segments are reused.")
    if hopeless < failed:
        others = f" can help only the other {failed - hopeless:,}."
        step.append_text(Text.assemble(" Without a fix, ", retry, others))
    return step
