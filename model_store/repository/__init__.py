"""The signed store of releases: a repository of The Update Framework over a folder or any fsspec URL."""
