"""What ends the work on one item."""


class ItemFailed(Exception):
    """The item cannot be done; the text is one sentence for people that says why and what to do."""


class OperationCancelled(Exception):
    """Somebody cancelled the Operation; `Progress.report` raises it in the kind's own code."""


class ClaimLost(Exception):
    """The claim ran out and another worker holds the item: stop, write nothing."""


class OutcomeUnknown(Exception):
    """The server was asked, and it is not known whether it did it: an answer was lost, or it gave no
    GUID of the Job it started. The kind's `recovers` function is asked until it knows.
    """
