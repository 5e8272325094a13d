"""Foreign programs: starting, supervising and ending them."""
