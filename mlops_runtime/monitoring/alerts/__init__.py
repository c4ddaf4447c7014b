"""From rules and points to alerts: a state machine per series, grouped notifications, durable delivery to sinks."""
