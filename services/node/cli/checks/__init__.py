"""What `yrdx doctor` looks at: each check says what it found, why that is wrong, and what mends it."""
