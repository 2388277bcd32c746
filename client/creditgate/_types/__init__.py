"""What the service answers, as frozen values. One noun per module."""
