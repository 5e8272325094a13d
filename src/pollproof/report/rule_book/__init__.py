"""The rule book: the clauses of a contract, and which lines of the documents they come from."""
