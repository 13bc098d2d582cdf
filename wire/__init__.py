"""Shapes of the Amazon Connect wire that several packages use: transcript items, socket frames and transcript files."""
