"""`batchkit run`: the notebooks without a person, and the folder with a record and a page that each run leaves."""
