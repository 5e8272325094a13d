"""The reference provider, made from the contract."""
