"""Masters in; notebooks/, zips, repository and web site out."""
