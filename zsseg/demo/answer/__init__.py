"""The answers on the first screen: a card for each method, and the scores at a point."""
