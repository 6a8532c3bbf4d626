"""Editing collections and publishing them: sign, prove, upload, read back."""
