"""The web site of the course."""
