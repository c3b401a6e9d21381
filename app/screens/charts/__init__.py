"""Charts as SVG that follow the theme and are read out by screen readers."""
