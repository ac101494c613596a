"""Plain text in English and Spanish: its language, its sentences, its words."""
