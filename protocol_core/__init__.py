"""Bytes in, events out, bytes out: every protocol's rules without sockets, tasks or a clock of their own."""
