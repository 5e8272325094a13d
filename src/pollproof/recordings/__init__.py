"""Recordings: recorded traffic read, judged, written, replayed and compared. Nothing in a file is ever executed."""
