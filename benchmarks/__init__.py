"""Speed, measured side by side with what it is compared with. Nothing here is a test."""
