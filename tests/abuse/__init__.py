"""What somebody with an ordinary connection can send all day, and how everybody else fares meanwhile.

`attacks` sends it, `ordinary` are the others, `homeserver` is a fast one that answers both. bench/abuse.py prints figures.
"""
