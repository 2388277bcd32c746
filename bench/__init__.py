"""Measures Creditgate: what it does per second, how long callers wait, what a call costs."""
