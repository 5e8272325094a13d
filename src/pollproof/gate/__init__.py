"""The gate: judges a client, in any language, against the reference provider."""
