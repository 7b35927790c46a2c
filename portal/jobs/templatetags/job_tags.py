"""Words for Comet's numbers."""

from django import template

from portal.core.states import State
from portal.core.templatetags.portal_tags import as_state
from portal.jobs.models import Job
from portal.jobs.states import word_of
from portal.jobs.words import kind_of

register = template.Library()


@register.filter
def kind(job: Job) -> str:
    return kind_of(job.classification)


@register.filter
def status_detail(job: Job) -> str:
    """What Comet's status says beyond the state's word: `quota`, `cancelled`; often nothing."""
    state, word = as_state(job.state), word_of(job.status)
    if word == state.label or state == State.INTERRUPTED:
        return ""
    _, colon, reason = word.partition(": ")
    return reason if colon else word.lower()
