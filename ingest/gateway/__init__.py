"""The gateway: where phones reach the system, by WebSocket, HTTP push, or with its own page."""
