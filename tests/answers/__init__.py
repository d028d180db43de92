"""The corpus: right and wrong answers to the exercises (autograder.course.corpus)."""
