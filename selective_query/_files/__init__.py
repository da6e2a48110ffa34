"""Files that run no code: exact lists of types, checked before they are built."""
