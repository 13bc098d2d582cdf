"""Scans of the repository: secrets in its files, and known vulnerabilities of its dependencies."""
