"""``python -m understudy`` and the command ``understudy``."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line; mistakes of its user end in one clear line and status 2."""
    try:
        from understudy.cli import run

        status = run(sys.argv[1:])
    except KeyboardInterrupt:  # while modules load
        print("understudy: stopped", file=sys.stderr)  # noqa: T201 - the command line's own output
        status = 2
    sys.exit(status)


if __name__ == "__main__":
    main()
