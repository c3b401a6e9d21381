"""The web process: routes, limits of what may be sent, proxies, connections."""
