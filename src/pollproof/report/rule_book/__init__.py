"""The rule book: what the clauses of a contract say, and which lines of the documents they come from."""
