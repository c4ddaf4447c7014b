"""What a block of a file is recognised by."""
