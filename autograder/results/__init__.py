"""Verdicts in; what people open out."""
