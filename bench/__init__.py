"""What Afterword costs and how fast it is, beside what one would use in its place, in one run: bench/run.

A file for each measurement; it starts what it needs and hands back rows (rows.py), as bench/__main__.py lists them. They
are printed and saved (report.py), and the document is drawn from what was saved (draw.py).
"""
