"""The machine alone, without asyncio, against a model of a venue.

`SessionCore` takes inputs and gives effects; here a calendar of plain calls stands
for the network, the disk and the venue between the two (`rig`), a book of facts for
the venue (`venue`), and laws look at what leaves, what is told and what is durable
(`laws`). No bytes are written, signed or parsed, so a world of minutes takes a
fraction of what `connector.sim.worlds` needs, and the machine's own timing can be
searched much wider. Dialects, channels, sockets and the limiter are tested there.
"""
