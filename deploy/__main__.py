"""Entry point of `python -m deploy`, which does the same as `har`."""

import sys

from har_stream import main

if __name__ == "__main__":
    sys.exit(main())
