"""The live dashboard: it reads predictions from Redis and sends them to browsers over WebSocket.

`dashboard.server.serve` runs the service. The page is in ``dashboard/web``.
"""
