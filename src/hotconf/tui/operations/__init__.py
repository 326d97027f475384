"""What the app is busy with, and reloads wait for: rehearsals and a command."""
