"""Work that is shared out among processes by pytest-xdist: each piece is one test item of a run of pytest."""
