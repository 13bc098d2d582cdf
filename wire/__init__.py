"""Shapes of the Amazon Connect wire that several rooms share: transcript items, socket frames and transcript files."""
