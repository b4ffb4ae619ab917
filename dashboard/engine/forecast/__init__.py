"""What a plan would destroy: read in the text of its scripts, counted on the live target."""
