"""Times of deployments and of the server, on one machine: see __main__."""
