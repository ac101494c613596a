"""What a command of `python -m training` refuses."""


class Refused(Exception):
    """It cannot be done; the message says what is wrong and what would help, and nothing was written."""
