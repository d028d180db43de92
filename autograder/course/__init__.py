"""What people write, parsed: course.toml, masters, corpus."""
