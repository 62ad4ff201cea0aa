"""What the commands of ``scratchgen`` do, a module each; their options are declared in `scratchgen.cli`.

==============  ==========================================================
shared          by several commands
==============  ==========================================================
announcements   which backend serves, and whether it compiles first
folders         the folder that a run leaves behind
pictures        what is drawn of a trained model
terms           what held-out images cost, in nats
==============  ==========================================================
"""
