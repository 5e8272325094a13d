"""The pytest plugin: the compliance suite, fixtures, and clients as test items."""
