"""Where a submission runs: forked from a warm process, in a jail."""
