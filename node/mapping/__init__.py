"""Other layouts: a mapping file says where our fields lie in somebody else's records; it becomes columns of ours.

`file` reads the TOML, `paths` its paths, `decoding` makes typed decoders of them, `fields`, `numbers`, `moments` and
`lines` give our values, `sheets` puts them together. Nothing here knows files or batches.
"""
