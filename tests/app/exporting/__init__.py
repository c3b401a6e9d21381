"""Tests of exports: formats of trainers, spreadsheets, annotation tools and registries."""
