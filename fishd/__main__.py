"""`python -m fishd` is `fishd`."""

from fishd.cli import main

if __name__ == "__main__":
    main()
