"""What students get besides the notebooks: course_helper, joined to one file in notebooks/."""
