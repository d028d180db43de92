"""The `course` command: a module a command."""
