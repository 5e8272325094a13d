"""Reports: one JSON document and its views."""
