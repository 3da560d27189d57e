"""Afterword as published clients see it: their requests replayed, and matrix-js-sdk itself."""
