"""Not deployed: the role leaves tests out."""
