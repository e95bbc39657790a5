"""The sender's web pages: what became of each report, what a person must do, and doing it."""
