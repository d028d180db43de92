"""What was handed in, found and matched to the release."""
