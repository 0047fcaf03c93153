"""What runs on the operator's computer: trust lists, later deny lists and publishing."""
