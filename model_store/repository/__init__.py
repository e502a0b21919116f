"""The signed store of releases: a repository of The Update Framework (TUF) in a folder or at any fsspec URL."""
