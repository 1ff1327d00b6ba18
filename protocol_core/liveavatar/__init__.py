"""The rules of the Live Avatar Channel, for both ends, without I/O.

client            an agent's session: `ClientSession`
server            a platform's session: `ServerSession`
events            what they tell; `platform_events` what only a platform learns
rest              the two REST calls, from both ends
audio             media frames: checks, cutting PCM, ordering
revision          the generated modules of a revision
errors, config    what can go wrong, what can be set
"""
