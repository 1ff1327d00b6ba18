"""The rules of the VideoSDK avatar channel, for both ends, without I/O.

agent             an agent's session: `AgentSession`
worker            an avatar worker's session: `WorkerSession`
codec             what each end makes of a payload, and how payloads are written
chunking          speech in, PCM chunks out
segments          which turn an acknowledgement closes
turns             one utterance of an agent
credentials       tokens: minted and verified
calls             the two HTTP calls, from both ends
events            what sessions tell
revision          the generated modules of a revision
errors, config    what can go wrong, what can be set
"""
