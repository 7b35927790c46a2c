"""Who is refused what: every URL, topic and filter against every role and every place in the tree."""
