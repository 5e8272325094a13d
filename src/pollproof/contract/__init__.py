"""The contract: what a provider documents, as data."""
