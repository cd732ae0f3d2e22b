"""STAND-IN for Amazon's CloudWatch agent, for where the real package cannot be had: see README.md."""
