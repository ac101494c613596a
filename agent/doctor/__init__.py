"""Looks at settings, files and machine before anything is started, and says what to do about each finding."""
