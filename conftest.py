"""Nothing is set here: the pytest plugin of the package brings the options and fixtures of the suite."""
