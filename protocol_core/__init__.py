"""Bytes in, events out, bytes out: the protocols' rules without sockets, tasks or a clock."""
