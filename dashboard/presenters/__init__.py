"""What a page says: states as words, tones and icons, buttons with their reason. They word what was decided below."""
