"""Thin adapters to cameras, decoders, lamps, clocks and files; no decisions in here."""
