"""The participant plane: what a customer's or an agent's chat client calls."""
