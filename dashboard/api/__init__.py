"""The door for machines. It reads input, calls one service or selector, and answers in JSON; it holds no workflow."""
