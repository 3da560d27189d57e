"""A part is lost: an instance, the database, the way between them. Two Afterwords share one PostgreSQL before a real
Synapse, clients go on at the other where one does not answer, and the verdict of `crashes` says what became of it all.

`pair` is the two, `balancer` what clients point at, `patroni` a database with a standby, `losses` what is lost, and
`loss_run` loses it under load.
"""
