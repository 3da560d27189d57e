"""Real crashes: kill -9 at random instants under load, and what the rooms hold afterwards.

`record` is what clients know of each delayed event, `clients` are the clients, `rooms` reads what has become of it all,
`verdict` compares the two and knows nothing of how the crashes came about, `crash_run` brings them about.
"""
