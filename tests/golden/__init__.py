"""The bundled cassettes: how they were recorded. `python -m tests.golden [PROVIDER ...]` records them anew."""
