"""Drives any client or server of a protocol, records the wire, judges the record, reports.

One scenario's walk through the package:

    scenario.py   finds and reads the YAML files           -> Scenario
    runner.py     gives every scenario a worker            -> schedule, deadlines, containment
    stage/*       plays its steps against the peer         -> records in one journal
    adapter.py    speaks to the implementation under test     (process.py carries the bytes)
    probe/*       plays the client when a server is tested
    trace.py      asks the records                         -> Trace
    checks/*      judge one rule each over a trace         -> Finding
    judge.py      turns findings into verdicts             -> Verdict
    results.py    one result file                          -> reports/*
"""
