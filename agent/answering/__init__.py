"""From a question to a cited answer: one pipeline, from rewriting to composition."""
