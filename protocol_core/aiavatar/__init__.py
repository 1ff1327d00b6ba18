"""The rules of AIAvatarKit, for both ends, without I/O.

socket            a client's session on the WebSocket: `SocketSession`
chat              a client's turns over HTTP: `ChatSession`, `ChatTurn`
rest              the speech endpoints, and what a refusal says
server            a host's session on the WebSocket: `ServerSession`
server_stream     a host's answer to one POST /chat: `ServerStream`
service           a host's HTTP calls: what is asked, why it is refused, what is answered
answer, tags      one turn's answer as events, and the control tags in it
events            what the client's sessions tell; server_events: what the host's tells
turns             which event belongs to which turn, where nothing but order says so
performance       what is said and shown, in order, and dropped on stop
voice             utterances in microphone audio
codec             requests and events as JSON, lenient where the rules are
revision          the generated modules of a revision
errors, config    what can go wrong, what can be set
"""
