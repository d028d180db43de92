"""The instructor's side of the course: masters in, notebooks and grades out."""
