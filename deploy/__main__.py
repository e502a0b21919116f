"""Entry point of the `har` command and of `python -m deploy`."""

import sys

from har.process import interrupts


def main() -> int:
    """Run the command line; return the exit status."""
    with interrupts.ending_at_once():
        from deploy import cli
    return cli.main()


if __name__ == "__main__":
    sys.exit(main())
