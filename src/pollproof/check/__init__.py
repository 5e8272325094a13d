"""Checking recordings: recorded traffic is judged by the clauses of a contract."""
