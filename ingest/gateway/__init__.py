"""The gateway: it receives messages from phones over WebSocket and HTTP, and serves the phone page."""
