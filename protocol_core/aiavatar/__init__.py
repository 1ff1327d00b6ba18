"""The rules of AIAvatarKit, for both ends, without I/O.

socket            a client's session on the WebSocket: `SocketSession`
chat              a client's turns over HTTP: `ChatSession`, `ChatTurn`
rest              the speech endpoints, and what a refusal says
server            a host's session: see its own module
events            what the client's sessions tell
turns             which event belongs to which turn, where nothing but order says so
performance       what is said and shown, in order, and dropped on stop
voice             utterances in microphone audio
codec             requests and events as JSON, lenient where the rules are
revision          the generated modules of a revision
errors, config    what can go wrong, what can be set
"""
