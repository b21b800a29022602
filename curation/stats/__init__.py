"""What the values of a dataset look like: distributions, failures, correlation; for the terminal and for pages."""
