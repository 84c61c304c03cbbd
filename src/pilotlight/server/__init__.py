"""The HTTP engine: protocol, WSGI, ASGI, WebSocket, TLS and hand-over. Must never import the supervisor or
the worker."""
