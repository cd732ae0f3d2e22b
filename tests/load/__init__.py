"""A strict load on the service: it never repeats a request, and counts every one that was lost."""
