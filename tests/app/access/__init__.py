"""Tests of passwords, sign-in, limits and origins."""
