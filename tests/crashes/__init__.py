"""Real crashes: kill -9 at random instants under load, and what the rooms hold afterwards.

`record` is what clients know of each delayed event, `clients` are the clients, `rooms` reads what has become of it all,
`verdict` compares the two, `trial` puts these together, and `crash_run` brings the crashes about, on one of `targets`.
"""
