"""What each API process does for the board besides answering: offering what waits, and telling customers their place."""
