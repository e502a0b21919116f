"""The live dashboard: predictions from Redis to browsers over WebSocket.

`dashboard.server.serve` is the service; the page that it serves is in ``dashboard/web``.
"""
