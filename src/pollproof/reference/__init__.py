"""The reference provider and client, made from the contract."""
