"""Other programs that the app calls on: the editor, and what copies."""
