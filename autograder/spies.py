"""What checks run in the student's process through ``course_helper.inside``.

A loop of a thousand operations is one call there, and a thousand from the other process.
"""


def average_with_itself(value, times: int):
    """Return the value after taking its mean with itself so many times, two products each."""
    for _ in range(times):
        value = value * 0.5 + value * 0.5
    return value
