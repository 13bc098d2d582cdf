"""The participant plane: operations for the chat clients of customers and agents."""
