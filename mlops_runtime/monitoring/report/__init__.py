"""What people and programs read: the drift report, its evidence, its page."""
