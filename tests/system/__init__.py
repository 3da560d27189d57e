"""Real homeservers with Afterword in front, for the system tests, the demonstration and the benchmark."""
