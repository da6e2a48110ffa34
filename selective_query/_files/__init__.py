"""Load files without running code: only listed types, checked before they are built."""
