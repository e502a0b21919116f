"""Who sends readings: the client of the gateway, simulated phones, and recordings that are replayed."""
