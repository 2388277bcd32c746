"""Background work. Any number of servers may run all of it: the database decides who does what."""
