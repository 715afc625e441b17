"""What each stack is made of."""
