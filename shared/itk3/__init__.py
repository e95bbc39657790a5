"""ITK3 messages: building, reading and judging them (FHIR STU3, GP Connect Messaging 1.2.0)."""
