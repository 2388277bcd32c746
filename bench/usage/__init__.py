"""A year of work on thousands of accounts, and what it takes to read it."""
