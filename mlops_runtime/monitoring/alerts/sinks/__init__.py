"""Where notifications go: a file of JSON lines, a signed webhook, an Alertmanager."""
