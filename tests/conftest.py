"""What all tests share.

Hypothesis plays the same examples in every run, so that a change is judged by itself and never by
luck; `pytest --hypothesis-profile explore` looks for new ones.
"""

from hypothesis import settings

settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.register_profile("explore", deadline=None, max_examples=1000)
settings.load_profile("repeatable")
