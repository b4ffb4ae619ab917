"""The pages: each view reads its input, calls one service or selector, and answers."""
