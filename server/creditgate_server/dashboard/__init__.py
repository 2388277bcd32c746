"""The web page: who may see which account, and what they are shown."""
