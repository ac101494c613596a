"""Transport 2: HTTP. Nothing else imports fastapi."""
