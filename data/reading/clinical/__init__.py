"""Clinical formats: HL7 v2, FHIR, CDA and NAACCR XML; one note a report, and what else came along as metadata."""
