"""The ground floor: errors, settings, durable writes, ids, clock, database. Imports nothing of ours."""
