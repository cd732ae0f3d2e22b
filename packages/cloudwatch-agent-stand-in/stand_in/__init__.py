"""STAND-IN for Amazon's CloudWatch agent where the real package is not available: see README.md."""
