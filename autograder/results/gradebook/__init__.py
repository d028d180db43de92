"""nbgrader's gradebook and course directory."""
