"""What only the pages of the book need: figures, listings of the package's source, melodies."""
