"""Looking at files without watching them: what the commands and the app need."""
