"""The clients' side of the store: what is fetched, how it is verified, and what is kept for when the store is away."""
