"""What both pages share: `page_files` reads and identifies their files, `shared/` holds scripts and styles."""
