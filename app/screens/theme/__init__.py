"""Colours, fonts and the layout of every screen."""
