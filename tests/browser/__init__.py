"""Tests in a real Chromium, for what only a browser shows."""
