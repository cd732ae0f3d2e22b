"""HTTP: one module per area; they translate between requests and services."""
