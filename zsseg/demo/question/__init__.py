"""The question on the first screen: photo, names and model, and what happens when a visitor changes one."""
