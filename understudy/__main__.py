"""``python -m understudy`` and the command ``understudy``."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line; mistakes of its user end in one clear line and status 2."""
    from understudy.cli import run

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
