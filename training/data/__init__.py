"""Photos and labels: where they lie, what they are called, how they are drawn."""
