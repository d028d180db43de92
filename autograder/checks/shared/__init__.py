"""What the modules of checks share. A module beside this folder is a notebook's."""
