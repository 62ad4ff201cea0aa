"""``python -m scratchgen`` is the command ``scratchgen``."""

from scratchgen.cli import main

main()
