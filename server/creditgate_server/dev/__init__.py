"""`creditgate-server dev`: everything on one machine, from nothing, and gone when it is stopped."""
