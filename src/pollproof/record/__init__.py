"""Recording the traffic of an implementation into a cassette."""
