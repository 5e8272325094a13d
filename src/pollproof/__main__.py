"""`python -m pollproof` is `pollproof`."""

from pollproof.cli import main

if __name__ == "__main__":
    main()
