"""`make clients`: see run.py."""
