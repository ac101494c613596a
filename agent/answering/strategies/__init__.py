"""How an answer is made of the context: quotes, fewest words, or as much as the question asks for."""
