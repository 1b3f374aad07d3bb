"""What is installed, and what is built to be installed: `trust.audit` and `trust.wheel`, counted.

    python -m trust.supply

The last line is the counts as JSON.
"""

import json

from trust import audit, wheel


def main():
    """Run both; print the counts of both."""
    print(json.dumps(audit.main() | wheel.main()))


if __name__ == "__main__":
    main()
