"""Carries out one command on a node: its folder, its files, its process or container."""
