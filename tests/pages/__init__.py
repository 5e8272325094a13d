"""Servers written from pages of documentation alone, with faults and variants on the command line."""
