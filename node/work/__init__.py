"""The commands `process` and `merge`: which process does what, and what is written where."""
