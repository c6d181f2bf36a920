"""The one error that is meant to be read by a person."""


class UserError(ValueError):
    """A sentence for the user: what is wrong, and what to do about it.

    The page, the shell and the HTTP endpoint show it as it is; anything else that is raised is a defect.
    """
