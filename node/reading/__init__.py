"""From bytes to columns, and from folders to what is read; without numpy and pandas, which take long to import."""
