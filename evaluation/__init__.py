"""How well Askpod answers: SQuAD-format data in, scores, tables and plots out."""
