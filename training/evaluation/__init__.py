"""Evaluation of predictors: protocol, metrics, figures."""
