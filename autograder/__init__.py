"""The instructor's side of the course: masters in, notebooks and grades out."""

import sys

# nbformat imports jsonschema, and that every checker of formats that is installed. This one,
# for international web addresses, needs 2.5 s each time; no notebook has such an address.
sys.modules.setdefault("rfc3987_syntax", None)
