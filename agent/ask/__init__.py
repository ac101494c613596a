"""The command line: questions asked from a terminal, of models in this process, a server or a serverless endpoint."""
