"""All that a submission may see. Nothing here knows a check."""
