"""What the service costs, beside Node: `make bench`. README.md says what each row is."""
