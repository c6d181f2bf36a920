"""The synthetic shapes data set, its backbone and heads."""
