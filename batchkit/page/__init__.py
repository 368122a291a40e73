"""report.html: a run's results, made for reading, from its summary.json and run.json alone; and the list of all runs.

`words` says numbers, `headlines` and `sentences` what stands on top, `sections` puts charts and tables together out of
`parts`, and the templates give it its form. The executed notebooks are another page, technical.html, which it links.
"""
