"""What students get besides the notebooks: course_helper.py, copied to notebooks/."""
