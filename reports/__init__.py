"""What was found out: the record's words, its recorder and reader, and what is rendered and signed from it."""
