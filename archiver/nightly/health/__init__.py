"""What `doctor` checks, and how to mend what is wrong."""
