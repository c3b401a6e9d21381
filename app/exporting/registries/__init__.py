"""Registries: FHIR with mCODE, OMOP and NAACCR, each by the mapping file, which says what becomes of every field."""
