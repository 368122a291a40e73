"""The verbs of the command line: `batchkit data|job|pool ...`, thin over the functions that notebooks call, too."""
