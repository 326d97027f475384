"""What must not be shown: secret keys, credentials, and their removal from text. Pure."""
