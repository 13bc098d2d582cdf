"""Vocabulary shared by all packages. Imports none of them."""
