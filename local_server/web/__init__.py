"""The ask page: a file each of HTML, style and script, served as they are."""
