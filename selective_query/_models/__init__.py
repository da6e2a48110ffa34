"""What a fitted model says: its answers, its layers, its fits on folds."""
