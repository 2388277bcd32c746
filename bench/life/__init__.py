"""Load that looks like life: callers with minds of their own, whose totals are known."""
