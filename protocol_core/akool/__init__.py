"""The rules of Akool Streaming Avatar, for both ends and both dialects, without I/O.

client              a client's session: `ClientSession`; with client_sending, client_receiving
server              an instance's session: `ServerSession`; with platform_receiving
events              what a client's session tells; `platform_events` what an instance's does
discovery           the call that finds instances, addresses, attempts: whom to dial, and when
codec               frames, told apart on two levels
parameters, audio   what is sent, and how it is cut
requests, heartbeat, mids    what is pending, what is due, and names for it
revision            the generated modules of a revision, and with it the dialect
errors, config      what can go wrong, what can be set
"""
