"""`python -m hotconf`: the command line."""

from hotconf.cli import main

main()
