"""`python -m pollproof` is `pollproof`."""

from pollproof.cli.main import main

if __name__ == "__main__":
    main()
