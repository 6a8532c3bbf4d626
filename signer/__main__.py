"""``python -m signer`` is the program ``signer``."""

from signer.cli.main import main

if __name__ == "__main__":
    main()
