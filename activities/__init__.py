"""The activities of conversations: writes to the store with announcements, opening hours, and transcript files."""
