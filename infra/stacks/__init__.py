"""Define what each stack is made of."""
