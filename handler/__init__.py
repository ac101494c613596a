"""Transport 1: the serverless worker. Nothing else imports runpod."""
