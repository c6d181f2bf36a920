"""Tools of the repository that no installed package needs."""
