"""What the commands of ``scratchgen`` do, a module each; their options are declared in `scratchgen.cli`.

==============  ==========================================================
shared          by several commands
==============  ==========================================================
announcements   which backend serves, and whether it compiles first
families        what is said and shown of each kind of model
folders         the folder that a run leaves behind
options         what several commands take
pictures        the files with what is drawn of a trained model
terms           a table of means with standard errors
values          options that have a form of their own
words           what examples and their numbers are called
==============  ==========================================================
"""
