"""`python -m hintferry_cli`, the same as `hintferry`."""

from hintferry_cli.app import main

if __name__ == "__main__":
    main()
