"""Recordings: recorded traffic read, judged, written, replayed and compared. Files are foreign: nothing in them is run."""
