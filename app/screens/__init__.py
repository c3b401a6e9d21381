"""What is seen in the browser: a folder for each screen, with its Python, scripts and styles side by side."""
