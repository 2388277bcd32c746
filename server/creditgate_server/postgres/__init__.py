"""The store: everything that knows PostgreSQL.

Nothing outside this package sees its driver or its errors.
"""
