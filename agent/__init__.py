"""Everything that answers; neither transport is known here."""
