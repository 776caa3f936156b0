"""The round that runs unattended: its steps, and the record that it leaves."""
