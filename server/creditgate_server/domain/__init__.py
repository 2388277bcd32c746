"""The rules and words of credits: pure values and protocols.

Stdlib only; time is always an argument.
"""
