"""Demo data: a year in the life of a few customers, lived through the API in a database of its own.

A story plans its days; `writing` moves the database's clock from one instant at which something
happens to the next, and lets all stories do at once what they do then.
"""
