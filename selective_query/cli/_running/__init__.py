"""What the commands do, imported when one runs, so that help waits for nothing."""
