"""The client side of the store: fetching and verifying releases, and keeping the last good one on disk."""
