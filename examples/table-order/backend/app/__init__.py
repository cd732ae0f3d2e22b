"""Table Order: customers order at their table, the kitchen sees it at once."""
